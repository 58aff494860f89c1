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
export { any, between, gt, gte, lt, lte, oneOf, prefix, type Space, space } from './mechanisms/space/space.ts'
export { type OpenOptions, open } from './node/open.ts'
