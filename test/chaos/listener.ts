/**
 * The merchants' webhooks: one receiver that takes what comes, and what it heard held against the record. Every claim
 * of their envelopes has to have come, once at least, and for the first time behind those before it; and nothing may
 * have come of which there is no claim.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client } from 'pg'
import { createWebhookEndpoint } from '#protocol/rest/webhooks.ts'
import { createRest } from '../acceptance/rest.ts'

export type Listener = {
  /** What is still to come. */
  listWaiting(databaseUrl: string): Promise<string[]>
  /** What never came, and what should not have. */
  listWrong(databaseUrl: string): Promise<string[]>
  messages(): number
  close(): void
}

export type ListenerOptions = { url: string; credentials: readonly string[] }

export async function startListener({ url, credentials }: ListenerOptions): Promise<Listener> {
  const heard = new Set<string>()
  let messages = 0
  const server = createServer((request, response) => {
    void request.toArray().then(
      chunks => {
        const { data } = JSON.parse(chunks.join('')) as { data: { claimId: string } }
        heard.add(data.claimId)
        messages++
        response.writeHead(204).end()
      },
      // Its sender was killed; it is sent again.
      () => response.destroy(),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const body = { url: `http://127.0.0.1:${port}/`, types: ['envelope.claimed'] }
  for (const credential of credentials) {
    await createRest({ url, credential }).get(createWebhookEndpoint, { body })
  }

  return {
    messages: () => messages,
    async listWaiting(databaseUrl) {
      const rows = await ask<{ id: string }>(
        databaseUrl,
        `select e.facts ->> 'claimId' as id from webhook_events e left join webhook_deliveries d using (position)
         where d.state is distinct from 'delivered'`,
      )
      return rows.map(({ id }) => `webhook of claim ${id}`)
    },
    async listWrong(databaseUrl) {
      const claims = await ask<{ id: string; is_noted: boolean }>(
        databaseUrl,
        `select c.id, exists (select from webhook_events e where e.facts ->> 'claimId' = c.id::text) as is_noted
         from webhook_endpoints p
         join envelopes v on p.owner = 'merchant:' || v.hider_id join claims c on c.envelope_id = v.id`,
      )
      const due = new Set(claims.map(({ id }) => id))
      const places = new Map([...heard].map((id, place) => [id, place]))
      const noted = await ask<{ id: string; before: string | null }>(
        databaseUrl,
        `select facts ->> 'claimId' as id,
           lag(facts ->> 'claimId') over (partition by subject_id order by position) as before
         from webhook_events`,
      )
      const isEarly = ({ id, before }: { id: string; before: string | null }) =>
        before !== null && (places.get(id) ?? Infinity) < (places.get(before) ?? -1)
      return [
        ...claims.filter(({ is_noted }) => !is_noted).map(({ id }) => `claim ${id} has no event`),
        ...claims.filter(({ id }) => !heard.has(id)).map(({ id }) => `the webhook of claim ${id} never came`),
        ...noted
          .filter(isEarly)
          .map(({ id, before }) => `the webhook of claim ${id} came before that of ${before}`),
        ...[...heard].filter(id => !due.has(id)).map(id => `a webhook of claim ${id}, which there is not`),
      ]
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function ask<R extends object>(databaseUrl: string, text: string): Promise<R[]> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    return (await client.query<R>(text)).rows
  } finally {
    await client.end()
  }
}
