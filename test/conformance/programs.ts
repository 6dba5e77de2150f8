// Which programs there are, what to ask them, and which answers have to be equal to the reference.

export interface Ask {
  readonly path: string
  /** A file beside the program that holds the recorded answer. */
  readonly recording: string
  /** Which of the values in the recording; 0 unless told. */
  readonly index?: number
  /** Paths whose numbers are times or sizes: compared by kind. */
  readonly variable?: readonly string[]
  /** Differences that are wanted, by path, each with its reason in `docs/spec/`. */
  readonly intended?: readonly RegExp[]
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
    isRequired: true,
    asks: [
      {
        path: '/edge',
        recording: 'expected.json',
        variable: ['.dbsize'],
      },
    ],
  },
  {
    name: 'api-errors',
    isRequired: true,
    asks: [
      {
        path: '/',
        recording: 'expected.json',
        intended: [
          // Jurisdictions are labels here; workerd refuses them.
          /^\.jur2?$/,
          // `sql.integers`, which the reference does not have.
          /^\.props\.sql\.5$/,
        ],
      },
    ],
  },
  {
    name: 'sql-cursors',
    isRequired: true,
    asks: [{ path: '/', recording: 'expected.json' }],
  },
  {
    name: 'names',
    isRequired: true,
    asks: ['/ids', '/namespaces', '/stubs', '/exported', '/scopes', '/modules'].map(
      (path, index) => ({ path, recording: 'expected.json', index }),
    ),
  },
  {
    name: 'facets',
    isRequired: true,
    asks: ['basics', 'starts', 'names', 'aborts', 'deletes', 'clones', 'stubs', 'around'].map(
      (path, index) => ({ path: `/${path}`, recording: 'expected.json', index }),
    ),
  },
  {
    name: 'hibernation',
    isRequired: true,
    asks: [{ path: '/', recording: 'expected.json' }],
  },
  {
    name: 'streams',
    isRequired: true,
    asks: [
      {
        path: '/',
        recording: 'expected.json',
        intended: [
          // An error amid a stream reaches its reader as it is, behind what came before it.
          /^\.failing (request|result|argument) (?!text$)/,
          /^\.failing response (error|throw|number|undefined|object)$/,
          /^\.abort of the object amid a result$/,
          // The reason of a cancel or an abort reaches the other side.
          /^\.response cancelled(| in the middle)\./,
          /^\.(argument|request) cancelled\./,
          /^\.writable as argument, aborted\./,
          // Streams that ask for byob requests get them.
          /^\.(response|request|result|argument) byob$/,
          // Node's own texts.
          /^\.writable that fails to write\.[12]$/,
          /^\.abort of a fetch under way\.0$/,
          /^\.aborted before the fetch\.0$/,
          /^\.abort amid the body of a response\./,
          /^\.identity: (write after close$|cancel fails the writer\.1$)/,
          /^\.identity: abort drops what was written\.0$/,
          /^\.used Response as argument$/,
          // A pipe whose writes are over a little earlier or later.
          /^\.identity: desired size\.1$/,
          /^\.identity: a large write, read in small parts\.1$/,
          /^\.fixed: too many\.1$/,
        ],
      },
    ],
  },
  {
    name: 'sockets',
    isRequired: true,
    asks: ['/surface', '/states', '/local', '/plain', '/hibernate', '/auto', '/gone', '/api'].map(
      (path, index) => ({ path, recording: 'expected.json', index }),
    ),
  },
]
