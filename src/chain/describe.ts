/** What the verifier found, in words: one sentence a row, with the row's id and its number in the chain. */
import type { ChainFinding } from './chain.ts'

export function describeFinding(finding: ChainFinding): string {
  switch (finding.kind) {
    case 'changed': {
      const { sequence, transferId, previousId, text } = finding
      const now = text.replaceAll('\n', ' ').replace(/=\d+:/g, '=')
      const or = previousId === undefined ? '' : `; or ${previousId} was, and its link ${sequence - 1}, too`
      return `transfer ${transferId} was changed after it became link ${sequence}${or}; it is now: ${now}`
    }
    case 'relinked':
      return `link ${finding.sequence} was changed; its transfer ${finding.transferId} was not`
    case 'removed':
      return `transfer ${finding.transferId}, link ${finding.sequence}, was removed`
    case 'moved':
      return `transfer ${finding.transferId}, link ${finding.sequence}, is as it was linked, but out of its place`
    case 'cut':
      return `links ${finding.sequence} to ${finding.until} are missing`
    case 'rewritten': {
      const { sequence, transferId, intactUntil } = finding
      return (
        `link ${sequence} (transfer ${transferId}) is not the one that was noted: a transfer of links ` +
        `${intactUntil + 1} to ${sequence} was changed, and the chain computed again from there`
      )
    }
    case 'unlinked':
      return `transfer ${finding.transferId} has no link, and nothing waits to link it`
    case 'late':
      return `transfer ${finding.transferId} has waited for its link for more than a minute`
  }
}
