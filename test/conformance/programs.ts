// Which programs there are, what to ask them, and which answers have to be equal to the reference.

export interface Ask {
  readonly path: string
  /** A file beside the program that holds the recorded answer. */
  readonly recording: string
  /** Which of the values in the recording; 0 unless told. */
  readonly index?: number
  /** Paths whose numbers are times or sizes: compared by kind. */
  readonly variable?: readonly string[]
  /** Seconds that the answer takes by design; asked only with `--slow` when above 40. */
  readonly seconds?: number
}

export interface Program {
  readonly name: string
  /** A difference fails the run; otherwise it is printed as information. */
  readonly isRequired: boolean
  readonly asks: readonly Ask[]
}

export const programs: readonly Program[] = [
  {
    name: 'gates',
    isRequired: true,
    asks: [
      { path: '/', recording: 'expected.json' },
      { path: '/alarm', recording: 'expected-alarm.json', seconds: 10 },
      {
        path: '/timeout',
        recording: 'expected-timeouts.txt',
        variable: ['.ms'],
        seconds: 30,
      },
      {
        path: '/deadlock',
        recording: 'expected-timeouts.txt',
        index: 1,
        variable: ['.ams', '.bms'],
        seconds: 60,
      },
    ],
  },
  {
    name: 'alarms',
    isRequired: true,
    asks: [{ path: '/', recording: 'expected.json', seconds: 5 }],
  },
  {
    name: 'storage-edges',
    isRequired: false,
    asks: [{ path: '/edge', recording: 'expected.json', variable: ['.dbsize'] }],
  },
  {
    name: 'api-errors',
    isRequired: false,
    asks: [{ path: '/', recording: 'expected.json' }],
  },
  {
    name: 'sql-cursors',
    isRequired: false,
    asks: [{ path: '/', recording: 'expected.json' }],
  },
  {
    name: 'hibernation',
    isRequired: false,
    asks: [{ path: '/', recording: 'expected.json' }],
  },
]
