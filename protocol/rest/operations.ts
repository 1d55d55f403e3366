/** Every REST operation, in the order of the documents. */
import type { Operation } from '../operation.ts'
import { exclusionOperations } from './areas.ts'
import { campaignOperations } from './campaigns.ts'
import { listMessages, readChat, readMessages, sendMessage } from './chats.ts'
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
import { couponOperations, ownCouponOperations } from './coupons.ts'
import { figureOperations } from './figures.ts'
import { getLiveness, getReadiness } from './health.ts'
import { createApiKey, createMerchant, deposit, getChainHead } from './merchants.ts'
import { getMerchant, listApiKeys, listMerchantActions, revokeApiKey } from './merchants.ts'
import { merchantCareOperations } from './operator-merchants.ts'
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
import { getReputation, listRatings, rateServiceRequest } from './ratings.ts'
import {
  acceptOffer,
  cancelServiceRequest,
  confirmServiceRequest,
  deliverServiceRequest,
  disputeServiceRequest,
  listOffers,
  listServiceRequestsByState,
  offerOnServiceRequest,
  postDraft,
  removeServiceRequest,
  splitServiceRequest,
  takeServiceRequest,
  topUpServiceRequest,
  withdrawOffer,
} from './service-request-steps.ts'
import {
  getServiceRequest,
  listOwnServiceRequests,
  listServiceRequests,
  listTakenServiceRequests,
  postServiceRequest,
} from './service-requests.ts'
import { reportEnvelope, listReports } from './reports.ts'
import { getDuty, setDuty } from './duty.ts'
import {
  appealReview,
  getReview,
  listOwnReviews,
  listReviews,
  rejectText,
  releaseText,
  reportText,
} from './reviews.ts'
import { getTrust } from './trust.ts'
import { endAppeal, getPlayerStanding, getStanding, listAppeals, sendAppeal } from './standing.ts'
import { getAccountStatement, getStatement } from './statements.ts'
import { webhookInboxOperations } from './webhook-inboxes.ts'
import { webhookOperations } from './webhooks.ts'

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
  reportEnvelope,
  ...ownCouponOperations,
  postServiceRequest,
  listServiceRequests,
  listOwnServiceRequests,
  listTakenServiceRequests,
  getServiceRequest,
  postDraft,
  getDuty,
  setDuty,
  offerOnServiceRequest,
  listOffers,
  withdrawOffer,
  acceptOffer,
  takeServiceRequest,
  deliverServiceRequest,
  confirmServiceRequest,
  disputeServiceRequest,
  cancelServiceRequest,
  topUpServiceRequest,
  reportText,
  listOwnReviews,
  appealReview,
  getTrust,
  sendMessage,
  listMessages,
  readMessages,
  rateServiceRequest,
  listRatings,
  getReputation,
  getMerchant,
  createApiKey,
  listApiKeys,
  revokeApiKey,
  listMerchantActions,
  ...campaignOperations,
  ...couponOperations,
  ...webhookOperations,
  ...webhookInboxOperations,
  ...figureOperations,
  createMerchant,
  ...merchantCareOperations,
  deposit,
  banPlayer,
  liftBan,
  getPlayerStanding,
  listAppeals,
  endAppeal,
  listPayoutsByStatus,
  endPayout,
  listServiceRequestsByState,
  splitServiceRequest,
  removeServiceRequest,
  listReviews,
  getReview,
  releaseText,
  rejectText,
  readChat,
  getAccountStatement,
  setCap,
  listBudgets,
  freeze,
  unfreeze,
  listActions,
  listDeadLetters,
  replayDeadLetters,
  listReports,
  ...exclusionOperations,
  getChainHead,
  getLiveness,
  getReadiness,
]
