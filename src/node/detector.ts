/**
 * The owner's ear for heartbeats: turns silence into operations of the log.
 *
 * Two steps, so that a node is not fenced by mistake: silence makes the detector append a suspicion; only if that stands, and the
 * silence goes on, it appends the fence. What counts is what the machine makes of them.
 *
 * Who hosts members of groups is no node: when it has been silent for as long its connection is closed, which is a fence too, since a
 * bound session that is over is never heard again.
 *
 * Boundary: clock and gateway; watched is who beats, and which nodes ought to: a process may be stopped before its first beat. A node whose
 * connection breaks is the machine's own business.
 */
import type { Timer } from '../clock.ts'
import type { Gateway } from '../log/gateway.ts'
import { SUSPICION_MS } from '../mechanisms/process/machine/fencing.ts'
import { type Verdict, Watchdog } from '../support/watchdog.ts'

/** How often a node beats, and how often silence is looked for. */
export const BEAT_MS = 500

/** Four beats missed. */
const SUSPECT_MS = 2_000

export interface Detector {
  /** From now on nodes of this session are those of another process, which has to beat. */
  expect(session: number): void
  /** Its connection is closed. */
  dismiss(session: number): void
  /** A beat of whoever has this session. */
  beat(session: number): void
  close(): void
}

interface ListedNode {
  readonly name: string
  readonly boot: string
  readonly session: number
  readonly suspectedAt: number | null
}

export function detect(gateway: Gateway): Detector {
  const { clock } = gateway
  const watchdog = new Watchdog<number>({ suspectMs: SUSPECT_MS, fenceMs: SUSPICION_MS }, clock.monotonicMs())
  const expected = new Set<number>()
  /** Connected sessions that are, or were, those of nodes: what a fenced one says is refused by its fence. */
  const ofNodes = new Set<number>()
  let timer: Timer | undefined
  const look = () => {
    timer = watchdog.ids.length > 0 || expected.size > 0 ? clock.after(BEAT_MS, look) : undefined
    const nodes = gateway.replica.query('process', 'nodes', []) as readonly ListedNode[]
    const known = new Set(nodes.map(({ session }) => session))
    const watched = new Set(watchdog.ids)
    for (const session of known) ofNodes.add(session)
    for (const session of watched)
      if (!known.has(session) && (ofNodes.has(session) || !gateway.isBound(session))) watchdog.forget(session)
    for (const session of known) {
      if (expected.has(session) && !watched.has(session)) watchdog.beat(session, clock.monotonicMs())
    }
    const verdicts = watchdog.check(clock.monotonicMs())
    for (const node of nodes) act(gateway, node, verdicts.get(node.session))
    for (const [session, verdict] of verdicts) {
      if (verdict !== 'fence' || known.has(session)) continue
      watchdog.forget(session)
      gateway.giveUp(session)
    }
  }
  return {
    expect(session) {
      expected.add(session)
      timer ??= clock.after(BEAT_MS, look)
    },
    dismiss(session) {
      expected.delete(session)
      ofNodes.delete(session)
    },
    beat(session) {
      watchdog.beat(session, clock.monotonicMs())
      timer ??= clock.after(BEAT_MS, look)
    },
    close() {
      timer?.cancel()
      timer = undefined
    },
  }
}

function act(gateway: Gateway, { name, boot, suspectedAt }: ListedNode, verdict: Verdict | undefined): void {
  if (verdict === 'suspect') gateway.submitOwn('process.suspect', [name, boot])
  else if (verdict === 'refuted') gateway.submitOwn('process.refute', [name])
  else if (verdict === 'fence') gateway.submitOwn('process.fence', [name, suspectedAt])
}
