/** Examples of merchants, their keys and the operator; the secrets open nothing. */
import { createApiKey, createMerchant, deposit, getChainHead, getMerchant } from '../rest/merchants.ts'
import { listApiKeys, listMerchantActions, revokeApiKey } from '../rest/merchants.ts'
import { listMerchants, replaceApiKeys, setMerchantArea } from '../rest/operator-merchants.ts'
import { exampleOf } from './example.ts'
import { cny, merchantId } from './story.ts'

const area = {
  type: 'Polygon' as const,
  coordinates: [
    [
      [121.47, 31.227],
      [121.478, 31.227],
      [121.478, 31.234],
      [121.47, 31.234],
      [121.47, 31.227],
    ] as [number, number][],
  ],
}
const merchant = {
  ...{ id: merchantId, name: 'Lotus Tea House', area },
  createdAt: '2026-01-12T01:30:00.000Z',
}
const secret = 'hbk_test_ExampleExampleExampleExampleExampleExampleX'

const firstKey = {
  id: '019bafd3-01c2-72c7-90e1-2b7a0646f922',
  prefix: 'hbk_test_Lo2R',
  scopes: ['read' as const, 'campaigns' as const, 'finance' as const, 'admin' as const, 'till' as const],
  createdAt: merchant.createdAt,
}
const secondKey = {
  id: '019c6a2f-2300-7b10-9253-764c8b233fb3',
  prefix: 'hbk_test_Exam',
  scopes: ['read' as const, 'campaigns' as const],
  createdAt: '2026-02-17T06:00:00.000Z',
}
const usedKey = { ...firstKey, lastUsedAt: '2026-02-17T05:59:58.310Z' }

export const merchantExamples = [
  exampleOf(getMerchant, { answers: { 200: merchant } }),
  exampleOf(createApiKey, {
    body: { scopes: secondKey.scopes },
    answers: { 201: { apiKey: secondKey, secret } },
  }),
  exampleOf(listApiKeys, { answers: { 200: { items: [secondKey, usedKey] } } }),
  exampleOf(revokeApiKey, {
    params: { id: firstKey.id },
    answers: { 200: { ...usedKey, revokedAt: '2026-02-17T06:30:00.000Z' } },
  }),
  exampleOf(listMerchantActions, {
    answers: {
      200: {
        items: [
          {
            id: '019c6a4a-9a40-7d0c-8e1b-6a2f0c5d7e91',
            ...{ actor: 'key', keyId: firstKey.id, operation: 'revokeApiKey' },
            ...{ target: { id: firstKey.id }, at: '2026-02-17T06:30:00.000Z' },
          },
        ],
        ...{ numberReturned: 1, links: { self: listMerchantActions.path } },
      },
    },
  }),
  exampleOf(createMerchant, {
    body: { name: merchant.name, area },
    answers: { 201: { merchant, apiKey: firstKey, secret } },
  }),
  exampleOf(listMerchants, {
    answers: {
      200: { items: [merchant], numberReturned: 1, links: { self: listMerchants.path } },
    },
  }),
  exampleOf(setMerchantArea, {
    params: { id: merchantId },
    body: { area, reason: 'Lease of 12 January checked' },
    answers: { 200: merchant },
  }),
  exampleOf(replaceApiKeys, {
    params: { id: merchantId },
    body: { reason: 'The key was in a public repository' },
    answers: { 201: { apiKey: firstKey, secret } },
  }),
  exampleOf(deposit, {
    body: { owner: { merchantId }, amount: cny('5000000'), reference: 'ICBC 2026-02-17 000481' },
    answers: {
      201: { transferId: '019c6a38-4ac0-78ce-93e7-1ef8635d2bf2', balance: cny('5000000') },
    },
  }),
  exampleOf(getChainHead, {
    answers: {
      200: {
        sequence: 48_211,
        hash: '9c1f3d6f0a2b7e4c5d8e9f00112233445566778899aabbccddeeff0011223344',
        waiting: 0,
      },
    },
  }),
]
