/**
 * `host`: this program executes runs of processes, and members of object groups, for the site.
 *
 *     await using node = await host(site, 'node-a', [greet, ArrayStack])
 *
 * Process definitions go to the host of runs, classes to the host of members; the two know nothing of each other, and here they
 * get one name and one handle.
 *
 * Boundary: sorts and composes. Members live in this process also where runs have workers: a member is state in memory that outlives its
 * calls, and what protects it from a crash are members elsewhere.
 */
import { PerdureError } from '../errors.ts'
import type { Site } from '../log/site.ts'
import { MemberNode } from '../mechanisms/group/site/hosting.ts'
import type { VariantClass } from '../mechanisms/group/strategy.ts'
import type { RunContext } from '../mechanisms/process/host/context.ts'
import {
  type Drained,
  type DrainOptions,
  type HostOptions,
  host as hostRuns,
  type NodeHandle,
} from '../mechanisms/process/process.ts'
import { checkName, type Definition } from '../support/definition.ts'

/** A definition of any input: its body is only ever called with the input that was checked at start. */
type Hosted = Definition<RunContext, never, unknown> | VariantClass

/**
 * Executes runs of these definitions, and members of groups that are objects of these classes, under this name.
 * Errors: `PERDURE_E_NODE_TAKEN`, `PERDURE_E_NAME`, `PERDURE_E_USAGE`.
 */
export async function host(site: Site, name: string, hosted: readonly Hosted[], options: HostOptions = {}): Promise<NodeHandle> {
  const definitions = hosted.filter((each): each is Definition<RunContext, never, unknown> => typeof each !== 'function')
  const classes = classesOf(
    name,
    hosted.filter((each) => typeof each === 'function'),
  )
  if (classes.size === 0) return hostRuns(site, name, definitions, options)
  const members = new MemberNode(site.link, checkName(name, 'a node'), classes)
  await members.join()
  const runs = definitions.length > 0 ? await hostRuns(site, name, definitions, options).catch(leaving(members)) : undefined
  const takeBack = site.link.beforeClose(async () => members.close())
  const close = async () => {
    takeBack()
    members.close()
    await runs?.close()
  }
  return {
    name,
    drain: (draining?: DrainOptions) => runs?.drain(draining) ?? Promise.resolve(NOTHING),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Of a node without runs. */
const NOTHING: Drained = { runs: 0, handedOver: 0, cutOff: 0 }

function leaving(members: MemberNode): (error: unknown) => never {
  return (error) => {
    members.close()
    throw error
  }
}

/** Groups ask for a class by its name. */
function classesOf(node: string, classes: readonly VariantClass[]): ReadonlyMap<string, VariantClass> {
  const named = new Map<string, VariantClass>()
  for (const each of classes) {
    if (each.name === '' || typeof each.prototype !== 'object')
      throw usage(
        `One of the classes hosted by ${node} has no name, or is no class: groups ask for a class by its name. Give it one.`,
      )
    const other = named.get(each.name)
    if (other !== undefined && other !== each)
      throw usage(`Two classes hosted by ${node} are called ${each.name}, and groups ask for a class by its name. Rename one.`)
    named.set(each.name, each)
  }
  return named
}

function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}
