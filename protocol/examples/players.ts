/** Examples of sign-up, wallet and position. */
import {
  banPlayer,
  getMe,
  getWallet,
  liftBan,
  listWalletTransfers,
  sendPosition,
  signUpPlayer,
} from '../rest/players.ts'
import { exampleOf } from './example.ts'
import { claimId, cny, envelopeId, fix, lin, mei, meisShare, times, total } from './story.ts'

const player = { id: lin, createdAt: times.linSignedUp, timeScale: 1 }

const ban = { bannedAt: times.emptied, reason: 'Forty accounts on one phone' }

export const playerExamples = [
  exampleOf(banPlayer, {
    params: { id: mei },
    body: { reason: ban.reason },
    answers: { 200: { playerId: mei, ban } },
  }),
  exampleOf(liftBan, { params: { id: mei }, answers: { 200: { playerId: mei } } }),
  exampleOf(signUpPlayer, {
    body: {},
    answers: {
      201: { player, token: 'eyJhbGciOiJIUzI1NiJ9.…', expiresAt: '2026-03-18T09:12:40.120Z' },
    },
  }),
  exampleOf(getMe, { answers: { 200: player } }),
  exampleOf(sendPosition, { body: { fix }, answers: { 200: { accepted: true } } }),
  exampleOf(getWallet, { answers: { 200: { balances: [cny('9991200')] } } }),
  exampleOf(listWalletTransfers, {
    query: { limit: '2' },
    answers: {
      200: {
        items: [
          {
            id: claimId,
            kind: 'claim',
            direction: 'in',
            amount: meisShare,
            envelopeId,
            createdAt: times.claimed,
          },
          {
            id: '019c69c1-461d-7177-9b7c-b0686749afeb',
            kind: 'escrow',
            direction: 'out',
            amount: total,
            envelopeId,
            createdAt: times.hidden,
          },
        ],
        numberReturned: 2,
        links: {
          self: '/v1/wallet/transfers',
          next: '/v1/wallet/transfers?limit=2&cursor=MTc3MTMwMDgwMDAzMTowMTljNjljMS00NjFk',
        },
      },
    },
  }),
]
