import { translateServerWords } from "@/i18n/serverWords";
import type { Translate } from "@/i18n/text";
import { CloseCode } from "./closeCodes";
import type { Ending } from "./connection";

/** Calm after an exit, amber when something was cut off, red when recording or access is broken. */
export type EndingTone = "calm" | "cut" | "broken";

export type EndingAction =
  | "open-replay"
  | "connect-again"
  | "take-back"
  | "sign-in"
  | "back-to-hosts"
  | "show-sessions"
  | "copy-details";

export interface EndingWords {
  title: string;
  sentence: string;
  tone: EndingTone;
  /** The first one is what Enter does. */
  actions: readonly EndingAction[];
}

interface Context {
  host: string;
  /** Whether there is a session, and so a recording, to speak of. */
  hasSession: boolean;
  /** How long it lasted, already in words. */
  length: string;
}

/** What happened, what it means and what to do, for a terminal whose socket was closed for good. */
export function describeEnding(ending: Ending, context: Context, t: Translate): EndingWords {
  const words = wordsFor(ending, context, t);
  if (!context.hasSession || words.actions.includes("open-replay")) return words;
  return { ...words, actions: [...words.actions, "open-replay"] };
}

function wordsFor(ending: Ending, context: Context, t: Translate): EndingWords {
  const { host, hasSession } = context;
  const { code } = ending;
  // The server's own sentence says more than the table, where it gave one.
  const said = (sentence: string) => translateServerWords(ending.reason, t) || sentence;
  switch (code) {
    case CloseCode.done:
      return exitWords(ending, context, t);
    case CloseCode.tooBig:
    case CloseCode.badFrame:
      return {
        title: t("The browser sent something unreadable"),
        sentence: t("The session was ended to be safe. If you pasted a large text, send it in parts."),
        tone: "cut",
        actions: ["connect-again", "copy-details"],
      };
    case CloseCode.signedOut:
      return {
        title: t("You are signed out"),
        sentence: t("Your sign-in ended. Sign in to go on; a running session waits 60 s."),
        tone: "cut",
        actions: ["sign-in"],
      };
    case CloseCode.notFound:
      return {
        title: t("Host not found"),
        sentence: t("It does not exist, or you have no access to it."),
        tone: "broken",
        actions: ["back-to-hosts"],
      };
    case CloseCode.idle:
      return {
        title: t("Ended: no activity"),
        sentence: said(t("Nothing was typed or shown for longer than this host allows.")),
        tone: "cut",
        actions: ["connect-again"],
      };
    case CloseCode.tooLong:
      return {
        title: t("Ended: time limit reached"),
        sentence: said(t("Sessions on this host have a greatest length, and this one reached it.")),
        tone: "cut",
        actions: ["connect-again"],
      };
    case CloseCode.terminated:
      return {
        title: t("Ended by an auditor"),
        sentence: said(t("No reason was given.")),
        tone: "broken",
        actions: ["open-replay", "copy-details"],
      };
    case CloseCode.accessEnded:
      return {
        title: t("Your access ended"),
        sentence: said(
          t("Your grant for {host} ended or was withdrawn. An administrator can give it to you again.", { host }),
        ),
        tone: "broken",
        actions: ["back-to-hosts"],
      };
    case CloseCode.attachedElsewhere:
      return {
        title: t("Opened somewhere else"),
        sentence: t("This session goes on in another window or on another device, and is still recorded."),
        tone: "cut",
        actions: ["take-back"],
      };
    case CloseCode.cannotResume:
      return {
        title: t("The session cannot be taken up again"),
        sentence: t(
          "It ended while you were away, or more was shown than the server can give back. The recording has all of it.",
        ),
        tone: "cut",
        actions: ["connect-again"],
      };
    case CloseCode.tooMany:
      return {
        title: t("Too many sessions"),
        sentence: said(t("You have as many sessions open as you may. End one, then connect again.")),
        tone: "cut",
        actions: ["show-sessions", "connect-again"],
      };
    case CloseCode.cannotRecord:
      return {
        title: hasSession ? t("Not recorded, so ended") : t("Not recorded, so not started"),
        sentence: said(t("This host must be recorded and recording failed. Nothing was shown that is not recorded.")),
        tone: "broken",
        actions: ["connect-again", "copy-details"],
      };
    case CloseCode.hostUnreachable:
      return {
        title: hasSession ? t("The connection to {host} was lost", { host }) : t("{host} cannot be reached", { host }),
        sentence: said(t("The host did not answer, or ended the connection.")),
        tone: "broken",
        actions: ["connect-again", "copy-details"],
      };
    case CloseCode.shuttingDown:
      return {
        title: t("The server is restarting"),
        sentence: t("Your session was ended and sealed; you can connect again in about a minute."),
        tone: "cut",
        actions: ["connect-again"],
      };
    default:
      return lostWords(ending, context, t);
  }
}

function exitWords({ exit }: Ending, { host, length }: Context, t: Translate): EndingWords {
  const actions = ["connect-again", "open-replay"] as const;
  const title = t("Session ended");
  if (exit?.signal) {
    const sentence = t("The shell on {host} was ended by signal {signal}. {length}, recorded.", {
      host,
      length,
      signal: exit.signal,
    });
    return { title, sentence, tone: "cut", actions };
  }
  if (typeof exit?.status === "number") {
    const { status } = exit;
    const sentence = t("You signed out of {host} (exit status {status}). {length}, recorded.", {
      host,
      length,
      status,
    });
    return { title, sentence, tone: "calm", actions };
  }
  return { title, sentence: t("{length}, recorded.", { length }), tone: "calm", actions };
}

function lostWords({ code }: Ending, { hasSession }: Context, t: Translate): EndingWords {
  return {
    title: t("Connection lost"),
    sentence: hasSession
      ? t("The server could not be reached for a minute, so the session was ended there. (Code {code}.)", {
          code: String(code),
        })
      : t("The server did not answer, and no session was started. Check the network, then try again. (Code {code}.)", {
          code: String(code),
        }),
    tone: "cut",
    actions: ["connect-again"],
  };
}
