/** Everything that can be done with a campaign, composed once from its ports. */
import type { Job } from '#platform/jobs.ts'
import { createCampaign, editCampaign, launchCampaign } from './edit.ts'
import { extendCampaign, extendDrops } from './extend.ts'
import {
  type Ahead,
  type Closed,
  type FillPorts,
  fillDrops,
  openDrops,
  type Opened,
  settleEnded,
} from './fill.ts'
import { moveCampaign, turnCampaigns } from './move.ts'
import { orderDrop, previewDrop } from './order-drop.ts'
import type { CampaignPorts } from './ports.ts'
import { rotateCode, showCode } from './show-code.ts'
import { topUpCampaign } from './top-up.ts'
import { takeTurns } from './turns.ts'

type Request<Verb extends (ports: never, request: never) => unknown> = Parameters<Verb>[1]

export type Campaigns = {
  create(request: Request<typeof createCampaign>): ReturnType<typeof createCampaign>
  edit(request: Request<typeof editCampaign>): ReturnType<typeof editCampaign>
  launch(request: Request<typeof launchCampaign>): ReturnType<typeof launchCampaign>
  topUp(request: Request<typeof topUpCampaign>): ReturnType<typeof topUpCampaign>
  extend(request: Request<typeof extendCampaign>): ReturnType<typeof extendCampaign>
  move(request: Request<typeof moveCampaign>): ReturnType<typeof moveCampaign>
  preview(request: Request<typeof previewDrop>): ReturnType<typeof previewDrop>
  drop(request: Request<typeof orderDrop>): ReturnType<typeof orderDrop>
  showCode(request: Request<typeof showCode>): ReturnType<typeof showCode>
  rotateCode(request: Request<typeof rotateCode>): ReturnType<typeof rotateCode>
  /** The schedule, and drops on their way. */
  jobs: readonly Job[]
}

const TURN_EVERY_MS = 1_000
const FILL_EVERY_MS = 250

export const createCampaigns = (ports: CampaignPorts & Omit<FillPorts, keyof CampaignPorts>): Campaigns => ({
  create: request => createCampaign(ports, request),
  edit: request => editCampaign(ports, request),
  launch: request => launchCampaign(ports, request),
  topUp: request => topUpCampaign(ports, request),
  extend: request => extendCampaign(ports, request),
  move: request => moveCampaign(ports, request),
  preview: request => previewDrop(ports, request),
  drop: request => orderDrop(ports, request),
  showCode: request => showCode(ports, request),
  rotateCode: request => rotateCode(ports, request),
  jobs: createJobsOf(ports),
})

function createJobsOf(ports: CampaignPorts & Omit<FillPorts, keyof CampaignPorts>): Job[] {
  const { database, record } = ports
  const drops = takeTurns((limit, after) => record.listUnderWay(database, limit, after))
  const ahead: Ahead = new Map()
  const undone: Closed = new Map()
  const opened: Opened = new Map()
  const ended = takeTurns((limit, after) => record.listUnsettled(database, limit, after))
  const closed: Closed = new Map()
  const extended = takeTurns((limit, after) => record.listToExtend(database, limit, after))
  return [
    { name: 'turn-campaigns', everyMs: TURN_EVERY_MS, run: () => turnCampaigns(ports) },
    {
      name: 'fill-drops',
      everyMs: FILL_EVERY_MS,
      run: () => fillDrops(ports, drops, { ahead, closed: undone }),
    },
    { name: 'open-drops', everyMs: FILL_EVERY_MS, run: () => openDrops(ports, opened) },
    { name: 'extend-drops', everyMs: FILL_EVERY_MS, run: () => extendDrops(ports, extended) },
    { name: 'settle-campaigns', everyMs: TURN_EVERY_MS, run: () => settleEnded(ports, ended, closed) },
  ]
}
