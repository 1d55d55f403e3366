/** Long computations let others have their turn: what they await here resolves after the events that wait by now. */
export const breathe = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
