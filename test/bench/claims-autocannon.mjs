// npm run --silent load:tokens -- 2000 > tokens.csv
// node test/bench/claims-autocannon.mjs tokens.csv [URL] [SECONDS]; then: npm run reconcile -- --envelope ID
import { readFileSync } from 'node:fs'
import autocannon from 'autocannon'

const [file = 'tokens.csv', url = 'http://127.0.0.1:8080', seconds = '30'] = process.argv.slice(2)
const rows = readFileSync(file, 'utf8').trim().split('\n').slice(1)
const requests = rows.map(row => {
  const [token, lat, lng, accuracyM, envelopeId] = row.split(',')
  return {
    method: 'POST',
    path: `/v1/envelopes/${envelopeId}/claims`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ fix: { lat: Number(lat), lng: Number(lng), accuracyM: Number(accuracyM) } }),
  }
})

// Each connection goes through all players, from its own first one on.
let connection = 0
const setupClient = client => {
  const from = (connection++ * 97) % requests.length
  client.setRequests([...requests.slice(from), ...requests.slice(0, from)])
}
const run = autocannon({ url, connections: 64, duration: Number(seconds), requests, setupClient })
autocannon.track(run)
const { statusCodeStats } = await run
console.log(statusCodeStats)
