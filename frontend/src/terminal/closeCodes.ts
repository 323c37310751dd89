/** Why a terminal's socket was closed. RFC 6455 section 7.4 below 4000, Bastion's own table above. */
export const CloseCode = {
  done: 1000,
  goingAway: 1001,
  none: 1005,
  lost: 1006,
  tooBig: 1009,
  serverError: 1011,
  serverRestart: 1012,
  tryAgainLater: 1013,
  badGateway: 1014,
  /** From the browser: its person leaves for good, so that the session need not wait. */
  leaving: 4000,
  badFrame: 4400,
  signedOut: 4401,
  notFound: 4404,
  idle: 4408,
  tooLong: 4409,
  terminated: 4410,
  accessEnded: 4411,
  attachedElsewhere: 4412,
  cannotResume: 4413,
  tooMany: 4429,
  cannotRecord: 4500,
  hostUnreachable: 4502,
  shuttingDown: 4503,
} as const;

const lostCodes: ReadonlySet<number> = new Set([
  CloseCode.goingAway,
  CloseCode.none,
  CloseCode.lost,
  CloseCode.serverError,
  CloseCode.serverRestart,
  CloseCode.tryAgainLater,
  CloseCode.badGateway,
]);

/** Whether the path to the server broke, which says nothing of the session: it may well be there still. */
export function isLostConnection(code: number): boolean {
  return lostCodes.has(code);
}
