import type { Translate } from "@/i18n/text";

/** Marks a sentence for the catalogue, as `msg` does; this module needs nothing of the page. */
const msg = (sentence: string): string => sentence;

/**
 * Sentences that the server writes into close reasons and notices, in English. What is not among them is shown as it
 * came.
 */
const sentences = [
  msg("This session ends in {left}: sessions on this host have a maximum length."),
  msg("This session ends in {left} unless something is typed or shown."),
  msg("Sessions on this host last {limit} at most."),
  msg("Nothing was typed or shown for {limit}, the limit for this host."),
  msg("Ended by {name}: “{reason}”"),
  msg("Ended by {name}."),
  msg("The shell ended (exit status {status})."),
  msg("The shell ended (signal {signal})."),
  msg("The person went away and did not come back in time."),
  msg("The server is shutting down."),
  msg("Your grant for this host ended or was withdrawn, or the host was disabled."),
  msg("You signed out."),
  msg("Your password was changed."),
  msg("Your account was disabled."),
  msg("Your access could not be checked any more."),
  msg("The connection to the host was lost."),
  msg("No key is pinned for this host, so nothing was sent. An administrator can pin it."),
  msg("The host's key is not the pinned one. Nothing was sent."),
  msg("The host did not answer as an SSH server does."),
  msg("The host did not finish the key exchange in {seconds} s."),
  msg("The host did not answer in {seconds} s."),
  msg("The host refused the connection ({cause})."),
  msg("The host refused the stored credential."),
  msg("The host wants a further proof of identity that is not stored."),
  msg("The host started no shell for this login."),
  msg("Accept the notice about recording first."),
];

const patterns = sentences.map((sentence) => {
  const names = [...sentence.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const source = sentence.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{\w+\}/g, "(.+)");
  return { sentence, names, pattern: new RegExp(`^${source}$`, "s") };
});

export function translateServerWords(words: string, t: Translate): string {
  for (const { sentence, names, pattern } of patterns) {
    const found = pattern.exec(words);
    if (found) return t(sentence, Object.fromEntries(names.map((name, n) => [name, found[n + 1] ?? ""])));
  }
  return words;
}
