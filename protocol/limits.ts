/**
 * Every limit of the game, named once. Numbers that a client can run into are part of the protocol:
 * they are printed in the documents, sent in `welcome`, and enforced by the server from here.
 */
export const limits = {
  money: { minMinor: 1n, maxMinor: 10n ** 13n - 1n },

  envelope: {
    playerShares: 300,
    merchantShares: 10_000,
    playerShareMinor: 20_000n,
    hidesPerDay: 50,
    publishRadiusM: 500,
    hideReachM: 500,
    claimRadiusM: { min: 40, max: 120, default: 60 },
    lifetimeMs: {
      min: 60_000,
      default: 72 * 3_600_000,
      playerMax: 72 * 3_600_000,
      merchantMax: 30 * 86_400_000,
    },
    greetingChars: 120,
    clueChars: 280,
    brandChars: 60,
    passphraseChars: { min: 4, max: 64 },
    audiencePlayers: 100,
    perCell10: 3,
    perCell9: 12,
  },

  serviceRequest: {
    minMinor: 100n,
    maxMinor: 9_999_999n,
    textChars: 280,
    postReachM: 3_000,
    lifetimeMs: { min: 600_000, default: 24 * 3_600_000, max: 7 * 86_400_000 },
    draftMs: 7 * 86_400_000,
    deliverWithinS: { min: 600, default: 6 * 3_600, max: 72 * 3_600 },
    confirmWithinMs: 72 * 3_600_000,
    reachesM: [1_000, 2_000, 3_000],
    widenEveryMs: 600_000,
    raisePercent: 20,
    unendedPerPoster: 20,
    postsPerDay: 50,
    topUps: 20,
    offers: 50,
    placesPerDay: 50,
    dropsPerDay: 5,
    perSnapshot: 50,
  },

  review: {
    hidingReports: 3,
    reportsPerReader: 20,
    reportsWithinMs: 86_400_000,
    appealChars: 1_000,
    sameRequests: 3,
    sameWithinMs: 86_400_000,
    due: {
      heldMs: { service_request: 1_800_000, envelope: 2 * 3_600_000 },
      reportedMs: 24 * 3_600_000,
      hiddenMs: 2 * 3_600_000,
      appealedMs: 24 * 3_600_000,
    },
  },

  trust: {
    /** For trust 1, 2 and 3: an age, and either shares won or different people with whom a request was confirmed. */
    levels: [
      { ageMs: 86_400_000, settledClaims: 3, confirmedRequests: 1 },
      { ageMs: 7 * 86_400_000, settledClaims: 20, confirmedRequests: 3 },
      { ageMs: 30 * 86_400_000, settledClaims: 100, confirmedRequests: 10 },
    ],
    upheldWithinMs: 90 * 86_400_000,
    /** Up to which price one may offer with trust 0, 1 and 2; with 3, on everything. */
    bandsMinor: [20_000n, 100_000n, 1_000_000n],
  },

  chat: { textChars: 500, perMinute: 20, messages: 1_000, readableMs: 30 * 86_400_000 },
  rating: { textChars: 280, withinMs: 7 * 86_400_000 },

  claim: {
    perDay: 200,
    failedTriesPerEnvelopeHour: 10,
    failedTriesPerDay: 150,
    pendingAfterMs: 1_500,
    ticketMs: 60_000,
    thanksChars: 120,
  },

  code: { stepMs: 30_000, stepsAround: 1, reachM: 500, worstAccuracyM: 500, rotatedAfterMs: 15_000 },

  report: { perDay: 20, lowersAt: 2, closesAt: 5 },

  position: {
    maxAgeMs: 60_000,
    worstAccuracyM: 120,
    walkingSpeedKmh: 16,
    newCellsPerHour: 200,
    newCellsPerDay: 600,
  },

  strike: {
    lifetimeMs: 7 * 86_400_000,
    apartMs: 6 * 3_600_000,
    pausingFrom: 3,
    jumpedTriesPerHour: 5,
    jumpedFromM: 1_000,
    appealChars: 1_000,
  },

  device: { perPlayer: 5, withinMs: 30 * 86_400_000 },

  hint: { perSnapshot: 50, bytesPerTick: 16 * 1_024, tickMs: 250, warmthRadiiM: [1_000, 2_000] },

  socket: {
    payloadBytes: 4_096,
    framesPerSecond: 10,
    frameBurst: 20,
    perPlayer: 5,
    perAddress: 50,
    openingsPerSecond: 200,
    openingBurst: 1_000,
    helloWithinMs: 10_000,
    verifyEveryMs: 120_000,
    resumeMs: 60_000,
    resumeFrames: 256,
    resumeChars: 64 * 1_024,
    resumableSessions: 10_000,
    pingEveryMs: 20_000,
    missedPings: 2,
    slowReaderBytes: 256 * 1_024,
    slowReaderMs: 10_000,
    coalesceBytes: 64 * 1_024,
  },

  http: {
    bodyBytes: 32 * 1_024,
    requestTimeoutMs: 15_000,
    page: { default: 50, max: 200 },
    perCredentialPerMinute: 600,
    perAddressPerMinute: 1_200,
  },

  idempotency: { keyChars: 255, keptMs: 30 * 86_400_000 },
  payout: {
    minMinor: 100n,
    maxMinor: 5_000_000_00n,
    destinationChars: 200,
    reasonChars: 200,
    referenceChars: 120,
    callbackToleranceMs: 300_000,
  },
  statement: { periodMs: 366 * 86_400_000, settledMs: 60_000 },
  operator: { reasonChars: 500, replayedAtOnce: 200 },
  campaign: {
    nameChars: 80,
    mostVertices: 1_000,
    areaM2: 4_000_000,
    highestLatitude: 85,
    windows: 21,
    daysLong: 30,
    daysAhead: 90,
    envelopesPerDrop: 50_000,
    pointsPerRequest: 500,
    cellsPerDrop: 5_000,
    previewPoints: 1_000,
    phoneAccuracyM: 50,
    dropsUnderWay: 4,
  },
  coupon: {
    nameChars: 80,
    titleChars: 80,
    termsChars: 500,
    payloadChars: 120,
    perPool: 200_000,
    uploadBytes: 4 * 1_024 * 1_024,
    uploadRows: 50_000,
    uploadErrors: 100,
    sharesPerEnvelope: 100,
    tillChars: 64,
    wrongCodesPerMinute: 30,
  },
  merchant: { liveKeys: 2, tillKeys: 20, nameChars: 80 },
  webhook: {
    endpoints: 10,
    urlChars: 500,
    descriptionChars: 120,
    timeoutMs: 15_000,
    /** Of the Standard Webhooks specification: 5 s, 5 min, 30 min; 2, 5, 10, 14, 20, 24 h. */
    retriesAfterMs: [
      5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
    ],
    jitterPercent: 10,
    atOnce: 4,
    disabledAfterMs: 5 * 86_400_000,
    rotationMs: 86_400_000,
    responseChars: 500,
    replayedAtOnce: 1_000,
    keptMs: 30 * 86_400_000,
    inboxes: 10,
    inboxMessages: 50,
    inboxKeptMs: 86_400_000,
  },
  sandbox: { maxTimeScale: 120, playerTestMinor: 100_000_00n, merchantTestMinor: 1_000_000_00n },
} as const
