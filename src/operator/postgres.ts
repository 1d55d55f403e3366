/** The log of actions. */
import { createId } from '#platform/id.ts'
import type { Clock } from '#platform/clock.ts'
import type { PageRequest } from '#platform/page.ts'
import { loadStatements, type Row, type Tx } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import type { Action, ActionKind, NotedAction, NoteAction } from './action.ts'

const sql = loadStatements(import.meta.url, ['add-action', 'list-actions'])

export const createActionLog =
  (ports: { clock: Clock; random: Random }): NoteAction =>
  async (tx, { actor, action, target, reason, before, after, atMs }) => {
    const what = [actor, action, JSON.stringify(target), reason, toJson(before), toJson(after)]
    await tx.query(sql['add-action'], [createId(ports), ...what, new Date(atMs)])
  }

/** Amounts are decimal strings; what is not known is left out. */
const toJson = (figures: Action['before']): string | null =>
  figures === undefined
    ? null
    : JSON.stringify(figures, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))

type ActionRow = Row & {
  id: string
  actor: Action['actor']
  action: ActionKind
  target: object
  reason: string
  before: NotedAction['before'] | null
  after: NotedAction['after'] | null
  created_at: Date
}

/** Newest first, one more than the page. */
export async function listActions(tx: Tx, { limit, after }: PageRequest): Promise<NotedAction[]> {
  const keyset = after === undefined ? [null, null] : [new Date(after.atMs), after.id]
  const rows = await tx.query<ActionRow>(sql['list-actions'], [limit + 1, ...keyset])
  return rows.map(row => ({
    ...{ id: row.id, actor: row.actor, action: row.action, target: row.target, reason: row.reason },
    before: row.before ?? undefined,
    after: row.after ?? undefined,
    atMs: row.created_at.getTime(),
  }))
}
