/** What a newcomer sees: where it runs, who they are, and two lines to paste that play a first round. */
import { socketPath } from '#protocol/ws/frame.ts'
import type { ReadyConfig } from '#platform/config.ts'
import type { Demo } from './demo.ts'

export type BannerOptions = {
  url: string
  config: ReadyConfig
  demo: Demo | undefined
  format: 'text' | 'json'
}

export async function printBanner(options: BannerOptions): Promise<void> {
  const text = options.format === 'json' ? `${JSON.stringify(describe(options))}\n` : write(options)
  await new Promise<void>((done, fail) => process.stdout.write(text, error => (error ? fail(error) : done())))
}

/** The banner for scripts: one line of JSON. */
function describe({ url, config, demo }: BannerOptions) {
  return {
    url,
    socketUrl: socketUrlOf(url),
    playerToken: demo?.playerToken,
    playerId: demo?.playerId,
    merchantKey: demo?.merchantKey,
    operatorKey: config.operatorKey,
  }
}

const socketUrlOf = (url: string): string => url.replace(/^http/, 'ws') + socketPath

function write({ url, config, demo }: BannerOptions): string {
  const lines = [
    '',
    `  hexbao listens on ${url}  (${config.mode})`,
    '',
    `  API          ${url}/docs`,
    `  socket       ${socketUrlOf(url)}`,
    `  operator     ${config.operatorKey}`,
    ...(demo === undefined ? [] : describeDemo(url, demo)),
    ...(config.isSandbox
      ? ['', '  Sandbox: test money, anyone may sign up, no limits per network address.']
      : []),
    '',
    '  Ctrl-C stops the server and everything that it started.',
    '',
  ]
  return `${lines.join('\n')}\n`
}

function describeDemo(url: string, { playerToken, merchantKey, envelope }: Demo): string[] {
  const { name, lat, lng } = envelope.place
  const fix = `{"fix":{"lat":${lat},"lng":${lng},"accuracyM":8}}`
  return [
    `  merchant     ${merchantKey}`,
    `  player       ${playerToken}`,
    '',
    `  Grab a share of the envelope at ${name}:`,
    '',
    [
      `  curl -s ${url}/v1/envelopes/${envelope.id}/claims`,
      `-H 'Authorization: Bearer ${playerToken}' -H 'Content-Type: application/json' -d '${fix}'`,
    ].join(' '),
    '',
    '  See hints as they come:',
    '',
    `  npm run listen -- --at ${lat},${lng} --url ${url}`,
  ]
}
