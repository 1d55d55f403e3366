/** Opening and expiry as periodic work: twice a second, so that nobody waits noticeably for either. */
import type { Clock } from '#platform/clock.ts'
import type { Job } from '#platform/jobs.ts'
import { type ExpirePorts, expireDue } from './expire.ts'
import { type OpenPorts, openDue } from './open.ts'

export type EnvelopeJobPorts = OpenPorts &
  ExpirePorts & {
    record: OpenPorts['record'] & ExpirePorts['record']
    announcer: OpenPorts['announcer'] & ExpirePorts['announcer']
    clock: Clock
  }

const EVERY_MS = 500
const BATCH = 500

export const createEnvelopeJobs = (ports: EnvelopeJobPorts): Job[] => [
  {
    name: 'open-envelopes',
    everyMs: EVERY_MS,
    run: () => openDue(ports, { nowMs: ports.clock.nowMs(), limit: BATCH }),
  },
  {
    name: 'expire-envelopes',
    everyMs: EVERY_MS,
    run: () => expireDue(ports, { nowMs: ports.clock.nowMs(), limit: BATCH }),
  },
]
