/** What an application imports. */
export { type ErrorCode, PerdureError } from './errors.ts'
export type { Site } from './log/site.ts'
export {
  active,
  type Definition,
  host,
  type NodeHandle,
  type RunContext,
  type RunHandle,
  type RunStatus,
  resilient,
  run,
  type StepInfo,
  start,
} from './mechanisms/process/process.ts'
export {
  any,
  between,
  gt,
  gte,
  type Held,
  lt,
  lte,
  oneOf,
  prefix,
  ref,
  type Space,
  type SpaceChange,
  space,
} from './mechanisms/space/space.ts'
export { type OpenOptions, open } from './node/open.ts'
