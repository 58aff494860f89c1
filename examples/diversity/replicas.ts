/**
 * Object replicas: several objects of the same class, which a protocol keeps in the same state (section 2.2).
 *
 * They share every fault of their code. What they mask are faults of the machines: here a node whose memory turns a bit over, and then
 * the loss of that node.
 */
import { host, type Site } from 'perdure'
import { activeReplication, dependable } from 'perdure/group'
import { BitBookings } from './classes.ts'

/** Any two of three are enough, so one may say what it likes. */
export function safeBookings(site: Site, key: string) {
  return dependable(BitBookings, activeReplication({ replicas: 3, agree: 2 }), { site, name: 'bookings' }).create({ key })
}

/** Three nodes; in a real site each is a process of its own. The first, which is asked first, has bad memory. */
export async function nodes(site: Site) {
  return {
    bad: await host(site, 'node-a', [withBadMemory()]),
    good: await host(site, 'node-b', [BitBookings]),
    also: await host(site, 'node-c', [BitBookings]),
  }
}

/** The same class under the same name, in a memory in which the bit of day 3 is always set: the planted fault. */
function withBadMemory(): typeof BitBookings {
  const good = BitBookings
  return {
    BitBookings: class extends good {
      override book(day: number): boolean {
        this.booked |= 8n
        return super.book(day)
      }
    },
  }.BitBookings
}
