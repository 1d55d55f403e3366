/** Every REST operation, in the order of the documents. */
import type { Operation } from '../operation.ts'
import { exclusionOperations } from './areas.ts'
import { campaignOperations } from './campaigns.ts'
import { claimEnvelope, getClaim, listClaims } from './claims.ts'
import {
  closeEnvelope,
  getEnvelope,
  getEnvelopeLedger,
  hideEnvelope,
  listEnvelopeClaims,
  listEnvelopes,
  listOwnEnvelopes,
  verifyEnvelope,
} from './envelopes.ts'
import { getLiveness, getReadiness } from './health.ts'
import { createApiKey, createMerchant, deposit, getChainHead } from './merchants.ts'
import { getMerchant, listApiKeys, revokeApiKey } from './merchants.ts'
import {
  freeze,
  listActions,
  listBudgets,
  listDeadLetters,
  replayDeadLetters,
  setCap,
  unfreeze,
} from './operator.ts'
import {
  endPayout,
  getPayout,
  listPayouts,
  listPayoutsByStatus,
  reportPayout,
  requestPayout,
} from './payouts.ts'
import {
  banPlayer,
  getMe,
  getWallet,
  liftBan,
  listWalletTransfers,
  sendPosition,
  signUpPlayer,
} from './players.ts'
import { getAccountStatement, getStatement } from './statements.ts'

export const operations: readonly Operation[] = [
  signUpPlayer,
  getMe,
  sendPosition,
  getWallet,
  listWalletTransfers,
  getStatement,
  requestPayout,
  listPayouts,
  getPayout,
  reportPayout,
  hideEnvelope,
  listEnvelopes,
  listOwnEnvelopes,
  getEnvelope,
  closeEnvelope,
  listEnvelopeClaims,
  getEnvelopeLedger,
  verifyEnvelope,
  claimEnvelope,
  getClaim,
  listClaims,
  getMerchant,
  createApiKey,
  listApiKeys,
  revokeApiKey,
  ...campaignOperations,
  createMerchant,
  deposit,
  banPlayer,
  liftBan,
  listPayoutsByStatus,
  endPayout,
  getAccountStatement,
  setCap,
  listBudgets,
  freeze,
  unfreeze,
  listActions,
  listDeadLetters,
  replayDeadLetters,
  ...exclusionOperations,
  getChainHead,
  getLiveness,
  getReadiness,
]
