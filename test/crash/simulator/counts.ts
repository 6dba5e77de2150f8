import type { Trace } from './trace.ts'

/** What happened in a run; all of it above 0, or the run proves little. */
export interface TraceCounts {
  events: number
  objects: number
  acknowledged: number
  checkpoints: number
  segmentsDropped: number
  /** Instances made: for the first time, after an eviction, after a reset. */
  wakes: number
  alarmsSet: number
  alarmsRung: number
  deletedAll: number
  resets: number
  refused: number
  failedSyncs: number
  starts: number
}

export function countTrace(trace: Trace): TraceCounts {
  const objects = new Set<string>()
  const counts = {
    ...{ events: trace.length, objects: 0, acknowledged: 0, checkpoints: 0, segmentsDropped: 0 },
    ...{
      wakes: 0,
      alarmsSet: 0,
      alarmsRung: 0,
      deletedAll: 0,
      resets: 0,
      refused: 0,
      failedSyncs: 0,
      starts: 0,
    },
  }
  for (const event of trace) {
    if (event.kind === 'mark') {
      const { mark } = event
      if (mark.said === 'turn') {
        objects.add(mark.object)
        if (mark.rang !== undefined) counts.alarmsRung += 1
        if (typeof mark.change.alarm['at'] === 'string') counts.alarmsSet += 1
        if (mark.change.clears) counts.deletedAll += 1
      } else if (mark.said === 'woke') counts.wakes += 1
      else if (mark.said === 'acknowledged') counts.acknowledged += 1
      else if (mark.said === 'reset') counts.resets += 1
      else if (mark.said === 'refused') counts.refused += 1
      else if (mark.said === 'started') counts.starts += 1
    } else if (event.kind === 'unlink' && event.path.endsWith('.log')) counts.segmentsDropped += 1
    else if (event.kind === 'sync' && event.failed) counts.failedSyncs += 1
    // Only a checkpoint empties a -wal that was written to; a reset cuts it behind the last commit.
    else if (event.kind === 'truncate' && event.path.endsWith('.sqlite-wal'))
      counts.checkpoints += 1
  }
  counts.objects = objects.size
  return counts
}
