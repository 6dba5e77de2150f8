/** What a log can do wrong, and a rule whose test must see it. */
export const faults = {
  'takes at once': 'CL10',
  'takes twice': 'CL10',
  'takes late comers': 'CL10',
  'answers inside flush': 'CL11',
  'answers in no order': 'CL11',
  'answers twice': 'CL11',
  'batches overlap': 'CL12',
  'waits for flush': 'CL12',
  'confirms a part': 'CL13',
  'close forgets': 'CL14',
  'works on when closed': 'CL14',
  'recovers what it refused': 'CL15',
} as const

export type Fault = keyof typeof faults
