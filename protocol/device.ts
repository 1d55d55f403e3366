/** The device that a client plays on, where its token does not name one. */
import { Type } from 'typebox'

export const deviceHeader = 'Hexbao-Device'

export const deviceIdPattern = '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'

export const deviceMeaning =
  'A UUID that the client made once and keeps. The limits of positions and tries hold for the device as well as for ' +
  "the player; a token's `did` claim goes before it, and without either the player's account stands for the device."

export const Device = Type.String({ pattern: deviceIdPattern, description: deviceMeaning })
