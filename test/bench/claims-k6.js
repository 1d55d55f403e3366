// npm run --silent load:tokens -- 2000 > tokens.csv && k6 run -e RATE=500 test/bench/claims-k6.js
// and then, with the id that the first command has printed: npm run reconcile -- --envelope ID
/* global __ENV, open */
import { check } from 'k6'
import { SharedArray } from 'k6/data'
import exec from 'k6/execution'
import http from 'k6/http'

const url = __ENV.URL || 'http://127.0.0.1:8080'
const players = new SharedArray('players', () =>
  open(__ENV.TOKENS || '../../tokens.csv')
    .trim()
    .split('\n')
    .slice(1)
    .map(line => line.split(',')),
)

export const options = {
  scenarios: {
    claims: {
      exec: 'claim',
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE || 200),
      duration: __ENV.DURATION || '30s',
      preAllocatedVUs: 512,
    },
  },
  thresholds: { checks: ['rate==1'], http_req_duration: ['p(99)<500'] },
}

// A lost share and a request to wait are answers, too.
http.setResponseCallback(http.expectedStatuses(200, 202, 409, 429, 503))

export function claim() {
  const [token, lat, lng, accuracyM, envelopeId] = players[exec.scenario.iterationInTest % players.length]
  const body = JSON.stringify({ fix: { lat: Number(lat), lng: Number(lng), accuracyM: Number(accuracyM) } })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const answer = http.post(`${url}/v1/envelopes/${envelopeId}/claims`, body, { headers })
  check(answer, {
    'won, pending, over or asked to wait': ({ status }) => [200, 202, 409, 429, 503].includes(status),
  })
}
