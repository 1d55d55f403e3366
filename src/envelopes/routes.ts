/** Envelopes over HTTP; the list of those around a player is the hints' to answer. */
import {
  closeEnvelope,
  getEnvelope,
  getEnvelopeLedger,
  hideEnvelope,
  listEnvelopeClaims,
  listOwnEnvelopes,
  verifyEnvelope,
} from '#protocol/rest/envelopes.ts'
import type { Bind } from '#platform/http.ts'
import type { Caller } from '../players/caller.ts'
import type { Envelopes } from './envelopes.ts'

export function registerEnvelopeRoutes(bind: Bind<Caller>, { envelopes }: { envelopes: Envelopes }): void {
  bind(hideEnvelope, ({ caller, body, idempotencyKey }) => envelopes.hide({ caller, body, idempotencyKey }))
  bind(listOwnEnvelopes, ({ caller, query }) => envelopes.listOwn({ caller, query }))
  bind(getEnvelope, ({ caller, params }) => envelopes.get({ caller, id: params.id }))
  bind(closeEnvelope, ({ caller, params }) => envelopes.close({ caller, id: params.id }))
  bind(listEnvelopeClaims, ({ caller, params, query }) =>
    envelopes.listWins({ caller, id: params.id, query }),
  )
  bind(getEnvelopeLedger, ({ caller, params, query }) =>
    envelopes.readLedger({ caller, id: params.id, query }),
  )
  bind(verifyEnvelope, ({ caller, params }) => envelopes.verify({ caller, id: params.id }))
}
