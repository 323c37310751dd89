import type { Translate } from "@/i18n/text";

/** Marks a sentence for the catalogue, as `msg` does; this module needs nothing of the page. */
const msg = (sentence: string): string => sentence;

/**
 * Sentences that the server writes in English: into close reasons, notices, problems, and facts about recordings.
 * What is not among them is shown as it came.
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
  msg("The signing key {path} is missing. Restore it from a copy, or replace it with {command}."),
  msg(
    "The signing key {path} is not the one that this installation signs with. Copy the file from a machine that signs.",
  ),
  msg("The signing key {path} cannot be read: {reason}."),
  msg("Everybody on this machine can read the signing key {path}. Run: chmod 600."),
  msg("The ledger has {size} lines, and {before} were signed before ({source}): lines are missing."),
  msg("The first {size} lines of the ledger are not those that were signed before ({source})."),
  msg("Lines of the ledger wait for a checkpoint since {moment} UTC."),
  msg("Checkpoints cannot be written to {place}: {reason}. They are kept and written when it works."),
  msg("The server stopped while this session was running. Every recorded event was kept."),
  msg("The server stopped while this session was running. What is missing is marked."),
  msg("{count} bytes of this recording were damaged on the disk and cannot be read"),
  msg("{count} events are not in the live copy"),
  msg("the first line of this recording was damaged"),
  msg("the machine that recorded was lost with its disk; what came after this is not known"),
  msg("This recording was deleted under {grounds} on {day}. Its session and its proof are kept."),
  msg("part {n} of this recording is missing or cannot be read"),
  msg("part {n} of this recording is empty"),
  msg("part {n} of this recording differs from its last anchor in the ledger"),
  msg("cut below the last anchor: the ledger knows of {known} bytes of part {n}, {left} are left"),
  msg("The segment is missing; the next one is {next}."),
  msg("It is marked as deleted, and the ledger has no entry of that."),
  msg("The recording's key cannot be opened, so only the stored objects were checked: {reason}"),
  msg("The stored object is not the one that was stored."),
  msg("The content is not what was recorded."),
  msg("The link to the segment before is broken."),
  msg("The stored object {name} is gone."),
  msg("The stored object cannot be read: {reason}"),
  msg("The content is not a recording: {reason}"),
  msg("Its row in the database does not match its content."),
  msg("It was sealed before there were signatures: its hashes fit, but nobody signed them."),
  msg("The manifest is not the one that the recording was sealed with."),
  msg("The manifest cannot be read: {reason}"),
  msg("The manifest's signature does not hold: {reason}"),
  msg("The manifest names another key than the one that signed it."),
  msg("The segments are not those that the recording was sealed with."),
  msg("The database does not say what the recording was sealed with: {names}."),
  msg("The ledger has no entry that the recording was sealed."),
  msg("The ledger says that another manifest was sealed."),
  msg("The ledger does not hold together: {reason}"),
  msg("The ledger's entry of the seal, line {line}, is not the one that was signed."),
  msg("The recording's key is wrapped for other identities than those here."),
  msg("The recording's key is not the one that it was made with."),
  msg("The recording was deleted under a retention policy: its key is destroyed."),
  msg("There is no identity here that reads recordings: {reason}."),
  msg("BASTION_IDENTITY_FILE cannot be used: there is no identity in it."),
  msg(
    "BASTION_IDENTITY_FILE is missing, and there are recordings that another identity reads: put it back, or set BASTION_RECIPIENTS.",
  ),
  msg("The recording cannot be read: {reason}. Verify it."),
  msg("This part of the recording is still being prepared. Try again in a minute."),
  msg("an order: {reason}"),
  msg("the default retention policy (1 day)"),
  msg("the default retention policy ({count} days)"),
  msg("the retention policy of {group} (1 day)"),
  msg("the retention policy of {group} ({count} days)"),
  msg("The server is shutting down."),
  msg("The server stops: this session ends in {left} at the latest."),
  msg("Recording is slow: the terminal waits for the disk."),
  msg("Recording could not begin: {reason}."),
  msg("Recording failed: {reason}. Nothing was shown that is not recorded."),
  msg("Recording failed, so nothing more was shown."),
  msg("The database cannot be reached, so no session can begin. Try again later."),
  msg("The session failed on the server's side."),
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
