/** What holds for the socket as a whole: its address, subprotocol and close codes. */
export const socketPath = '/v1/play'
export const subprotocol = 'hexbao.v1'

/** The token may stand beside the subprotocol: `Sec-WebSocket-Protocol: hexbao.v1, bearer.<token>`. */
export const tokenProtocolPrefix = 'bearer.'

export const closeCodes = {
  tooManyPieces: 1008,
  tooBig: 1009,
  restarting: 1012,
  badFrame: 4400,
  unauthorized: 4401,
  banned: 4403,
  tooSlow: 4408,
  replaced: 4409,
  flood: 4429,
} as const
