/** The errors that are of webhooks alone; `errors.ts` has them all. */
import { entry } from './error-entry.ts'

export const webhookErrors = {
  endpoint_limit: entry({
    status: 409,
    title: 'You have as many webhook endpoints as there may be',
    help: 'Delete one that you do not need: one endpoint can take events of every type.',
  }),
  endpoint_disabled: entry({
    status: 409,
    title: 'This webhook endpoint is disabled',
    help: 'reason says why. Repair it, set its state to active, and try again.',
    reasons: ['by_owner', 'gone', 'failing'],
  }),
  endpoint_refused: entry({
    status: 422,
    title: 'No webhook can be sent there',
    help:
      'url_invalid: not a URL, or with a user, a password or a fragment. scheme: production sends over https only. ' +
      'port: 443 and 8443; the sandbox allows 80 and from 1024 on, too. address: not a public address; the sandbox ' +
      'allows 127.0.0.1. type: these events are not for you. text_refused: the description is blank or deceives.',
    reasons: ['url_invalid', 'scheme', 'port', 'address', 'type', 'text_refused'],
  }),
} as const
