/** Many points as numbers in arrays of bytes, which cross threads and wires as they are. */

/** As many of the one as of the other, in WGS-84. */
export type Places = { lngs: Float64Array; lats: Float64Array }

export const toPlaces = (points: readonly { lng: number; lat: number }[]): Places => ({
  lngs: Float64Array.from(points, ({ lng }) => lng),
  lats: Float64Array.from(points, ({ lat }) => lat),
})
