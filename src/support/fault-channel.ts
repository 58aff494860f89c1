/**
 * The faults of groups in a site, on the channel of every process that holds one of these groups.
 *
 * The log has them in one order, whoever noticed them; so the channel is told by the log, once they are durable, and by nobody else.
 *
 * Boundary: one watcher for each site of this process, begun with its first group; it ends with the site.
 */
import { PerdureError } from '../errors.ts'
import { publishFault } from '../fault.ts'
import type { SiteLink } from '../log/site.ts'
import type { ListedFault } from './faults.ts'

/** The groups whose faults this process hears of, by site. */
const FOLLOWED = new WeakMap<SiteLink, Set<string>>()

/** From now on faults of the group that goes by this name in faults, and of its members, are published on `perdure:fault`. */
export function publishFaultsOf(link: SiteLink, group: string): void {
  const known = FOLLOWED.get(link)
  const groups = known ?? new Set()
  groups.add(group)
  if (known !== undefined) return
  FOLLOWED.set(link, groups)
  void follow(link, groups)
}

async function follow(link: SiteLink, groups: ReadonlySet<string>): Promise<void> {
  for (;;) {
    try {
      for await (const fault of changes(link)) {
        const { number: _, position: __, ...told } = fault
        if (groups.has(told.entity.kind === 'member' ? withoutMember(told.entity.name) : told.entity.name)) publishFault(told)
      }
      return
    } catch (error) {
      // Who listens too slowly misses some and goes on; any other end is that of the site.
      if (!PerdureError.is(error, 'PERDURE_E_SLOW_READER')) return
    }
  }
}

function changes(link: SiteLink): AsyncIterable<ListedFault> {
  return link.main.watchers.watch<ListedFault>({ machine: 'fault', args: [], shape: (_, __, value) => value as ListedFault })
}

function withoutMember(name: string): string {
  return name.slice(0, name.lastIndexOf('/'))
}
