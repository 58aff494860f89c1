// Written by `perdure ariel build 08-ferry.ariel --emit module`: change the script, not this file.
import type { RCode, Topology } from 'perdure/ariel'

/** The recovery program. */
export const rcode: RCode = {
  rcode: 1,
  code: [
    [1, 0, 3000], // 0: SET_ROLE 0 3000, line 5
    [1, 1, 2000], // 1: SET_ROLE 1 2000, line 6
    [1, 2, 2000], // 2: SET_ROLE 2 2000, line 6
    [6, -1, -1], // 3: INC_NEST, line 80
    [12, 0, -1], // 4: PUSH 0, line 80
    [64, 18, 31], // 5: TRANSIENT 18 31, line 80
    [74, 18, 31], // 6: STRALPHA 18 31, line 80
    [26, 5, 1500], // 7: COMPARE 5 1500, line 80
    [3, -1, -1], // 8: AND, line 80
    [10, 3, -1], // 9: FALSE 3, line 81
    [31, 18, 31], // 10: RESTART 18 31, line 82
    [11, 9, -1], // 11: GOTO 9, line 83
    [14, 2, -1], // 12: OANEW 2, line 83
    [12, 0, -1], // 13: PUSH 0, line 83
    [21, 18, 31], // 14: FAULTY 18 31, line 83
    [10, 5, -1], // 15: FALSE 5, line 84
    [27, 18, 31], // 16: KILL 18 31, line 85
    [30, 18, 34], // 17: START 18 34, line 86
    [12, 102, -1], // 18: PUSH 102, line 87
    [37, 17, 3], // 19: SEND 17 3, line 87
    [7, -1, -1], // 20: DEC_NEST, line 88
    [14, 1, -1], // 21: OANEW 1, line 88
    [6, -1, -1], // 22: INC_NEST, line 90
    [12, 0, -1], // 23: PUSH 0, line 90
    [21, 20, 2], // 24: FAULTY 20 2, line 90
    [12, 1, -1], // 25: PUSH 1, line 90
    [64, 20, 2], // 26: TRANSIENT 20 2, line 90
    [5, -1, -1], // 27: NOT, line 90
    [3, -1, -1], // 28: AND, line 90
    [10, 14, -1], // 29: FALSE 14, line 91
    [6, -1, -1], // 30: INC_NEST, line 92
    [25, 20, 2], // 31: STRERRT 20 2, line 92
    [26, 1, 17], // 32: COMPARE 1 17, line 92
    [72, 20, 2], // 33: STRELAPSED 20 2, line 92
    [26, 5, 5000], // 34: COMPARE 5 5000, line 92
    [3, -1, -1], // 35: AND, line 92
    [10, 3, -1], // 36: FALSE 3, line 93
    [68, 20, 2], // 37: ISOLATE 20 2, line 94
    [11, 2, -1], // 38: GOTO 2, line 95
    [32, 20, 2], // 39: REBOOT 20 2, line 96
    [7, -1, -1], // 40: DEC_NEST, line 97
    [14, 2, -1], // 41: OANEW 2, line 97
    [11, 6, -1], // 42: GOTO 6, line 98
    [14, 2, -1], // 43: OANEW 2, line 98
    [12, 0, -1], // 44: PUSH 0, line 98
    [21, 36, 0], // 45: FAULTY 36 0, line 98
    [10, 2, -1], // 46: FALSE 2, line 99
    [32, -65, 0], // 47: REBOOT -65 0, line 100
    [7, -1, -1], // 48: DEC_NEST, line 101
    [14, 1, -1], // 49: OANEW 1, line 101
    [6, -1, -1], // 50: INC_NEST, line 103
    [12, 0, -1], // 51: PUSH 0, line 103
    [23, 20, 2], // 52: REINTEGRATED 20 2, line 103
    [10, 11, -1], // 53: FALSE 11, line 103
    [12, 1, -1], // 54: PUSH 1, line 104
    [12, 2, -1], // 55: PUSH 2, line 104
    [12, 2, -1], // 56: PUSH 2, line 104
    [12, 17, -1], // 57: PUSH 17, line 104
    [33, 20, 2], // 58: CHKERR 20 2, line 104
    [12, 58, -1], // 59: PUSH 58, line 104
    [28, 18, 40], // 60: WARN 18 40, line 104
    [12, 17, -1], // 61: PUSH 17, line 105
    [35, 20, 2], // 62: REMOVE 20 2, line 105
    [15, 18, 22], // 63: CLEAR 18 22, line 106
    [7, -1, -1], // 64: DEC_NEST, line 107
    [14, 1, -1], // 65: OANEW 1, line 107
    [0, -1, -1], // 66: STOP, line 107
  ],
  lines: [
    5, 6, 6, 80, 80, 80, 80, 80, 80, 81, 82, 83, 83, 83, 83, 84, 85, 86, 87, 87, 88, 88, 90, 90, 90, 90, 90, 90, 90, 91, 92, 92,
    92, 92, 92, 92, 93, 94, 95, 96, 97, 97, 98, 98, 98, 98, 99, 100, 101, 101, 103, 103, 103, 103, 104, 104, 104, 104, 104, 104,
    104, 105, 105, 106, 107, 107, 107,
  ],
  strings: [],
}

/** What the script declares beside it. */
export const topology: Topology = {
  topology: 1,
  nodes: 3,
  roles: { 0: 'manager', 1: 'assistant', 2: 'assistant' },
  tasksPerNode: {},
  timeouts: {
    MIA_SEND_TIMEOUT: 300000,
    TAIA_SEND_TIMEOUT: 300000,
    IMALIVE_CLEAR_TIMEOUT: 100000,
    MIA_RECV_TIMEOUT: 700000,
    TAIA_RECV_TIMEOUT: 700000,
    IMALIVE_SET_TIMEOUT: 400000,
    TEIF_TIMEOUT: 1000000,
    MID_TIMEOUT: 500000,
    REQUEST_DB_TIMEOUT: 200000,
    REPLY_DB_TIMEOUT: 500000,
  },
  tasks: [
    { number: 21, name: 'rudder', node: 0, local: 1, mailbox: 11, alias: 90 },
    { number: 22, name: 'rudder-wd', node: 0, local: 2 },
    { number: 23, name: 'helm', node: 1, local: 1 },
    { number: 31, name: 'engine-a', node: 0, local: 3 },
    { number: 32, name: 'engine-b', node: 1, local: 3 },
    { number: 33, name: 'engine-c', node: 2, local: 3 },
    { number: 34, name: 'engine-s', node: 2, local: 4 },
    { number: 40, name: 'bridge', node: 1, local: 5 },
    { number: 81, name: 'radar81', node: 2, local: 10 },
    { number: 82, name: 'radar82', node: 2, local: 11 },
    { number: 83, name: 'radar83', node: 2, local: 12 },
  ],
  groups: [{ number: 3, name: 'propulsion', members: [31, 32, 33] }],
  filters: [
    { kind: 'task', number: 31, threshold: 2.5, factor: 0.6, everyUs: 10000000 },
    { kind: 'node', number: 2, threshold: 1.5, factor: 0.25 },
    { kind: 'task', number: 21, threshold: 3, factor: 0.3 },
  ],
  watchdogs: [{ number: 22, watched: 21, periodUs: 250000, onError: 'restart', line: 33 }],
  tools: [
    {
      tool: 'replicated',
      number: 90,
      line: 36,
      method: 'modular redundancy',
      spare: 34,
      voting: 'weighted average',
      scale: 2,
      metric: 'rpm',
      epsilon: 0.5,
      onError: 40,
      variants: [
        { number: 1, task: 31, timeoutUs: 50000 },
        { number: 2, task: 32, timeoutUs: 50000 },
        { number: 3, task: 33, timeoutUs: 50000 },
      ],
    },
    {
      tool: 'consensus-recovery-block',
      number: 91,
      line: 47,
      voting: 'majority',
      metric: 'bearing',
      epsilon: 2,
      acceptance: 'bearing_in_range',
      onSuccess: 23,
      onError: 40,
      variants: [
        { number: 1, task: 81 },
        { number: 2, task: 82 },
        { number: 3, task: 83 },
      ],
    },
    { tool: 'retry-block', number: 23, line: 58, attempts: 3, pauseUs: 20000, acceptance: 'helm_answered', onError: 40 },
    { tool: 'stabilizer', number: 4, line: 65, copies: 3, cycles: 5, metric: 'position', epsilon: 0.01, onError: 40 },
    { tool: 'barrier', number: 1, line: 72, group: 3, timeoutUs: 500000 },
  ],
  injections: [{ fault: 'manager', node: 0, after: { ticks: 900 } }],
}
