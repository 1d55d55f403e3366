/** What each limit means, for readers of the documents. A limit without a meaning does not compile. */
import { limits } from '../limits.ts'
import { type Json, type JsonObject, toJson } from './schema.ts'

type Leaf = number | bigint | readonly unknown[]
type PathOf<T, Prefix extends string = ''> = {
  [K in keyof T & string]: T[K] extends Leaf ? `${Prefix}${K}` : PathOf<T[K], `${Prefix}${K}.`>
}[keyof T & string]

const meanings: Record<PathOf<typeof limits>, string> = {
  'money.minMinor': 'Smallest amount, in minor units.',
  'money.maxMinor': 'Largest amount, in minor units.',
  'envelope.playerShares': 'Shares of an envelope that a player hides, at most.',
  'envelope.merchantShares': 'Shares of an envelope that a merchant hides, at most.',
  'envelope.playerShareMinor': "Largest share of a player's envelope, in minor units.",
  'envelope.hidesPerDay': 'Envelopes that a player hides a day, at most.',
  'envelope.publishRadiusM': 'Within this distance of the hint cell an envelope is shown.',
  'envelope.hideReachM': 'A player hides within this distance of their last fix.',
  'envelope.claimRadiusM.min': 'Smallest radius within which a claim counts.',
  'envelope.claimRadiusM.max': 'Largest radius within which a claim counts.',
  'envelope.claimRadiusM.default': 'Radius within which a claim counts, where the hider names none.',
  'envelope.lifetimeMs.min': 'Shortest time from opening to expiry.',
  'envelope.lifetimeMs.default': 'Time to expiry where the hider names none.',
  'envelope.lifetimeMs.playerMax': "Longest life of a player's envelope.",
  'envelope.lifetimeMs.merchantMax': "Longest life of a merchant's envelope.",
  'envelope.greetingChars': 'Characters of a greeting, at most.',
  'envelope.clueChars': 'Characters of a clue, at most.',
  'envelope.brandChars': 'Characters of a brand, at most.',
  'envelope.passphraseChars.min': 'Characters of a passphrase, at least.',
  'envelope.passphraseChars.max': 'Characters of a passphrase, at most.',
  'envelope.audiencePlayers': 'Players that one audience names, at most.',
  'envelope.perCell10': 'Live envelopes of players in a hint cell (H3 resolution 10), at most.',
  'envelope.perCell9': 'Live envelopes of players in an H3 cell of resolution 9, at most.',
  'serviceRequest.minMinor': 'Lowest price of a service request, in minor units.',
  'serviceRequest.maxMinor': 'Highest price of a service request with its top-ups, in minor units.',
  'serviceRequest.textChars': 'Characters of the text, the instructions, a note or a reason, at most.',
  'serviceRequest.postReachM': 'A service request is posted within this distance of the last fix.',
  'serviceRequest.lifetimeMs.min': 'Shortest time from posting to expiry.',
  'serviceRequest.lifetimeMs.default': 'Time to expiry where the poster names none.',
  'serviceRequest.lifetimeMs.max': 'Longest time from posting to expiry.',
  'serviceRequest.deliverWithinS.min': 'Shortest time for the provider to deliver, in seconds.',
  'serviceRequest.deliverWithinS.default': 'Time for the provider to deliver where the poster names none.',
  'serviceRequest.deliverWithinS.max': 'Longest time for the provider to deliver, in seconds.',
  'serviceRequest.confirmWithinMs': 'Silence of the poster for so long after the delivery confirms it.',
  'serviceRequest.reachesM': 'The circles within which a request is shown, one after the other.',
  'serviceRequest.widenEveryMs': 'A request that nobody has got is shown in the next circle after so long.',
  'serviceRequest.raisePercent': 'The price is suggested to be raised by so much when the circle widens.',
  'serviceRequest.unendedPerPoster': 'Service requests of one poster that have not ended, at most.',
  'serviceRequest.postsPerDay': 'Service requests that a player posts a day, at most.',
  'serviceRequest.topUps': 'Top-ups of a service request, at most.',
  'serviceRequest.offers': 'Offers for a service request that stand, at most.',
  'serviceRequest.placesPerDay': 'Exact places that a provider learns a day, at most.',
  'serviceRequest.dropsPerDay': 'Accepted requests that a provider drops a day before getting no more.',
  'serviceRequest.perSnapshot': 'Service requests in a snapshot or list, at most.',
  'chat.textChars': 'Characters of a message, at most.',
  'chat.perMinute': 'Messages of one side of a chat a minute, at most.',
  'chat.messages': 'Messages of a chat, at most.',
  'chat.readableMs': 'A chat can be read for this long after it was over.',
  'rating.textChars': "Characters of a rating's text, at most.",
  'rating.withinMs': 'The two may rate each other for this long after the end; then what was said is told.',
  'claim.perDay': 'Shares that a player wins a day, at most.',
  'claim.failedTriesPerEnvelopeHour': 'Failed tries per envelope and hour, at most.',
  'claim.failedTriesPerDay': 'Failed tries a day, at most.',
  'claim.pendingAfterMs': 'A claim that takes longer is answered 202 pending.',
  'claim.ticketMs': 'The ticket of a reveal claims for this long, by the clock of the server.',
  'claim.thanksChars': 'Characters of a line of thanks, at most.',
  'position.maxAgeMs': 'The last accepted fix counts for this long.',
  'position.worstAccuracyM': 'A fix with a larger accuracy radius is refused.',
  'position.walkingSpeedKmh': 'Faster than this, hints pause and claims are refused.',
  'position.newCellsPerHour':
    'Hint cells new to a player and day that hints are given for in an hour, at most.',
  'position.newCellsPerDay': 'Hint cells new to a player that hints are given for in a day, at most.',
  'strike.lifetimeMs': 'A strike expires after this long.',
  'strike.apartMs': 'Within this time there is one strike for each reason, at most.',
  'strike.pausingFrom': 'So many strikes that count pause rewards.',
  'strike.jumpedTriesPerHour': 'So many tries of claims from implausibly far away in an hour are a strike.',
  'strike.jumpedFromM': 'An implausible try counts from this distance to the last accepted fix on.',
  'strike.appealChars': 'Characters of an appeal, at most.',
  'device.perPlayer': 'New devices of a player within device.withinMs, at most.',
  'device.withinMs': 'Time in which the devices of a player are counted.',
  'hint.perSnapshot': 'Hints in a snapshot or list, at most.',
  'hint.bytesPerTick': 'Bytes of a snapshot, and of the `hint` frames of a later tick; the rest follows.',
  'hint.tickMs': 'Hints are sent at most this often.',
  'hint.warmthRadiiM': 'Distances within which warmth counts envelopes.',
  'socket.payloadBytes': 'Bytes of a client frame, at most; larger closes with 1009.',
  'socket.framesPerSecond': 'Client frames a second, sustained.',
  'socket.frameBurst': 'Client frames at once; more closes with 4429.',
  'socket.perPlayer': 'Sockets of one player; the next one replaces the oldest (4409).',
  'socket.perAddress': 'Sockets from one address and server process, at most; not in the sandbox.',
  'socket.openingsPerSecond': 'Sockets that one server process lets in a second, sustained; others get 503.',
  'socket.openingBurst': 'Sockets that one server process lets in at once.',
  'socket.helloWithinMs': 'Time for the first frame to bring the token, where the handshake did not.',
  'socket.verifyEveryMs': 'The token of an open session is verified again this often.',
  'socket.resumeMs': 'A session may be resumed for this long after its socket went.',
  'socket.resumeFrames': 'Frames that are kept for a client that resumes, the latest ones.',
  'socket.resumeChars': 'Characters that these frames may have in all.',
  'socket.resumableSessions': 'Sessions without a socket that one server process keeps, at most.',
  'socket.pingEveryMs': 'The server pings about this often.',
  'socket.missedPings': 'Pings in a row without a pong before the socket is dropped.',
  'socket.slowReaderBytes': 'Unread bytes before the socket closes with 4408.',
  'socket.slowReaderMs': 'Time with unread bytes before the socket closes with 4408.',
  'socket.coalesceBytes': 'Unread bytes from which newer hints replace older ones.',
  'http.bodyBytes': 'Bytes of a request body, at most.',
  'http.requestTimeoutMs': 'Time for a request to arrive in full.',
  'http.page.default': 'Items of a page where the request names no limit.',
  'http.page.max': 'Items of a page, at most.',
  'http.perCredentialPerMinute': 'Requests a minute with one credential, at most.',
  'http.perAddressPerMinute': 'Requests a minute from one address, at most; not in the sandbox.',
  'idempotency.keyChars': 'Characters of an Idempotency-Key, at most.',
  'idempotency.keptMs': 'A stored answer is kept for this long.',
  'payout.minMinor': 'Smallest payout, in minor units.',
  'payout.maxMinor': 'Largest payout, in minor units.',
  'payout.destinationChars': 'Characters of a destination, at most.',
  'payout.reasonChars': 'Characters of the reason of a failed payout, at most.',
  'payout.referenceChars': "Characters of a provider's reference, at most.",
  'payout.callbackToleranceMs': "Difference between a callback's timestamp and the server's clock, at most.",
  'statement.periodMs': 'Period of a statement, at most.',
  'statement.settledMs': 'A statement ends this long ago at least, so that it never changes.',
  'operator.reasonChars': "Characters of an operator's reason, at most.",
  'operator.replayedAtOnce': 'Dead letters of one replay, at most.',
  'campaign.nameChars': 'Characters of the name of a campaign or an exclusion area, at most.',
  'campaign.mostVertices': 'Corners of an area, at most; AREA_VERTICES may lower it for campaigns.',
  'campaign.areaM2': 'Square metres of the area of a campaign, at most.',
  'campaign.highestLatitude': 'Degrees of latitude that an area reaches, north or south, at most.',
  'campaign.windows': 'Time windows of a campaign, at most.',
  'campaign.daysLong': 'Days from the start to the end of a campaign, at most.',
  'campaign.daysAhead': 'Days that the start of a campaign may lie ahead.',
  'campaign.envelopesPerDrop': 'Envelopes of one drop, at most.',
  'campaign.pointsPerRequest': 'Points that one drop may name.',
  'campaign.cellsPerDrop': 'H3 cells that are looked through for one drop, at most.',
  'campaign.previewPoints': 'Points that a preview shows.',
  'campaign.phoneAccuracyM': 'A smaller claim radius is warned of.',
  'campaign.dropsUnderWay': 'Drops of one campaign that are filling or being undone, at most.',
  'merchant.liveKeys': 'Keys of one merchant that work at once.',
  'merchant.nameChars': "Characters of a merchant's name, at most.",
  'sandbox.maxTimeScale': "Fastest clock of a sandbox player's limits.",
  'sandbox.playerTestMinor': 'Test money of a new sandbox player, in minor units.',
  'sandbox.merchantTestMinor': 'Test money of a new sandbox merchant, in minor units.',
}

const valueAt = (path: string): Json =>
  path.split('.').reduce<Json>((part, key) => (part as JsonObject)[key] ?? null, toJson(limits))

const showValue = (value: Json): string =>
  typeof value === 'string' ? value : JSON.stringify(value).replace(/[[\]]/g, '').replaceAll(',', ', ')

/** For programs: value and meaning by path; money as decimal strings of minor units. */
export const listLimits = (): JsonObject =>
  Object.fromEntries(
    Object.entries(meanings).map(([path, meaning]) => [path, { value: valueAt(path), meaning }]),
  )

/** For people: a Markdown table of the limits whose path begins with one of `groups`. */
export function tabulateLimits(groups: readonly (keyof typeof limits)[]): string {
  const rows = Object.entries(meanings)
    .filter(([path]) => groups.some(group => path.startsWith(`${group}.`)))
    .map(([path, meaning]) => `| \`${path}\` | ${showValue(valueAt(path))} | ${meaning} |`)
  return ['| limit | value | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}
