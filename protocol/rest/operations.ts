/** Every REST operation, in the order of the documents. */
import type { Operation } from '../operation.ts'
import { claimEnvelope, getClaim, listClaims, revealEnvelope, thankHider } from './claims.ts'
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
import { endAppeal, getPlayerStanding, getStanding, listAppeals, sendAppeal } from './standing.ts'
import { getAccountStatement, getStatement } from './statements.ts'

export const operations: readonly Operation[] = [
  signUpPlayer,
  getMe,
  getStanding,
  sendAppeal,
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
  revealEnvelope,
  claimEnvelope,
  getClaim,
  listClaims,
  thankHider,
  getMerchant,
  createApiKey,
  listApiKeys,
  revokeApiKey,
  createMerchant,
  deposit,
  banPlayer,
  liftBan,
  getPlayerStanding,
  listAppeals,
  endAppeal,
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
  getChainHead,
  getLiveness,
  getReadiness,
]
