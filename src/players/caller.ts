/** Who is behind a request, once the credential is verified. */
import type { Scope } from '#protocol/operation.ts'

export type PlayerCaller = {
  kind: 'player'
  id: string
  /** 1, or more for a sandbox player whose limits run faster. */
  timeScale: number
  /** The device that the token or the client names, where one does; a hash of the name. */
  deviceId?: string
  /** Under age, as the token says: no cash, and nothing of strangers' errands. */
  isMinor?: boolean
}
export type MerchantCaller = { kind: 'merchant'; id: string; keyId: string; scopes: readonly Scope[] }
export type OperatorCaller = { kind: 'operator'; id: 'operator' }

export type Caller = PlayerCaller | MerchantCaller | OperatorCaller
