/**
 * Joins calls that arrive together into one: what is asked for during one turn of the event loop leaves at its end, and
 * what was asked for while the last batch was on its way leaves with the next. No timer: a lone call waits for nobody,
 * a rush fills its batches by itself.
 */
import { type Clock, systemClock } from './clock.ts'

export type BatchOptions<Q, A> = {
  maxSize: number
  /** Batches under way at a time; more wait and grow. */
  concurrency: number
  /** Whose turns; the machine's where nobody says otherwise. */
  clock?: Pick<Clock, 'atTurnEnd'>
  /** Answers in the order of the questions. */
  run: (questions: Q[]) => Promise<A[]>
}

export type Ask<Q, A> = (question: Q) => Promise<A>

export function createBatcher<Q, A>(options: BatchOptions<Q, A>): Ask<Q, A> {
  const { maxSize, concurrency, clock = systemClock, run } = options
  type Waiting = { question: Q; resolve: (answer: A) => void; reject: (error: unknown) => void }
  let waiting: Waiting[] = []
  let underWay = 0
  let isScheduled = false

  function schedule(): void {
    if (isScheduled || underWay >= concurrency || waiting.length === 0) return
    isScheduled = true
    clock.atTurnEnd(() => {
      isScheduled = false
      const batch = waiting.slice(0, maxSize)
      waiting = waiting.slice(maxSize)
      underWay++
      void flush(batch)
      schedule()
    })
  }

  async function flush(batch: Waiting[]): Promise<void> {
    try {
      const answers = await run(batch.map(w => w.question))
      batch.forEach((w, i) => w.resolve(answers[i] as A))
    } catch (error) {
      batch.forEach(w => w.reject(error))
    } finally {
      underWay--
      schedule()
    }
  }

  return question =>
    new Promise<A>((resolve, reject) => {
      waiting.push({ question, resolve, reject })
      schedule()
    })
}

/** Hands over together what was put in during one turn of the event loop, at its end or where there is as much. */
export function createGathering<Item>(
  most: number,
  handOver: (items: readonly Item[]) => void,
): (item: Item) => void {
  let items: Item[] = []
  let isScheduled = false

  function leave(): void {
    const gathered = items
    items = []
    if (gathered.length > 0) handOver(gathered)
  }

  function leaveAtEnd(): void {
    isScheduled = false
    leave()
  }

  return item => {
    if (items.push(item) >= most) return leave()
    if (isScheduled) return
    isScheduled = true
    setImmediate(leaveAtEnd)
  }
}

/** Whoever waits goes on together with the others of the turn, at its end or where there are as many. */
export function createTurnEnd(most: number): () => Promise<void> {
  const wait = createGathering<() => void>(most, all => all.forEach(goOn => goOn()))
  return () => new Promise(wait)
}
