/** What an application imports. */
export { PerdureError, type ErrorCode } from './errors.ts'
export type { Site } from './log/site.ts'
export {
  active,
  type Definition,
  host,
  type NodeHandle,
  resilient,
  run,
  type RunContext,
  type RunHandle,
  type RunStatus,
  start,
  type StepInfo,
} from './mechanisms/process/process.ts'
export { any, between, gt, gte, lt, lte, oneOf, prefix, type Space, space } from './mechanisms/space/space.ts'
export { open, type OpenOptions } from './node/open.ts'
