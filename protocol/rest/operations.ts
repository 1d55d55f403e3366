/** Every REST operation, in the order of the documents. */
import type { Operation } from '../operation.ts'
import { claimEnvelope, getClaim, listClaims } from './claims.ts'
import {
  closeEnvelope,
  getEnvelope,
  hideEnvelope,
  listEnvelopeClaims,
  listEnvelopes,
  listOwnEnvelopes,
  verifyEnvelope,
} from './envelopes.ts'
import { getLiveness, getReadiness } from './health.ts'
import { createApiKey, createMerchant, deposit, getMerchant, listApiKeys, revokeApiKey } from './merchants.ts'
import {
  banPlayer,
  getMe,
  getWallet,
  liftBan,
  listWalletTransfers,
  sendPosition,
  signUpPlayer,
} from './players.ts'

export const operations: readonly Operation[] = [
  signUpPlayer,
  getMe,
  sendPosition,
  getWallet,
  listWalletTransfers,
  hideEnvelope,
  listEnvelopes,
  listOwnEnvelopes,
  getEnvelope,
  closeEnvelope,
  listEnvelopeClaims,
  verifyEnvelope,
  claimEnvelope,
  getClaim,
  listClaims,
  getMerchant,
  createApiKey,
  listApiKeys,
  revokeApiKey,
  createMerchant,
  deposit,
  banPlayer,
  liftBan,
  getLiveness,
  getReadiness,
]
