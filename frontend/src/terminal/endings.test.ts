import { describe, expect, it } from "vitest";
import { translateServerWords } from "@/i18n/serverWords";
import { CloseCode, isLostConnection } from "./closeCodes";
import { describeEnding } from "./endings";
import type { Exit } from "./wire";

/** Puts values in, as the page's own translator does, and says which sentence it was asked for. */
const t = (message: string, values: Record<string, unknown> = {}) =>
  message.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));

function words(code: number, { reason = "", exit = null as Exit | null, hasSession = true } = {}) {
  return describeEnding({ code, reason, exit, at: 0 }, { host: "web-01", hasSession, length: "12 m" }, t);
}

describe("the words of an ending", () => {
  it("has a title, a sentence and a next step for every code of the table", () => {
    for (const code of Object.values(CloseCode)) {
      const { title, sentence, actions } = words(code);
      expect([title, sentence].every(Boolean), `code ${code}`).toBe(true);
      expect(actions.length, `code ${code}`).toBeGreaterThan(0);
      expect(new Set(actions).size).toBe(actions.length);
    }
  });

  it("is calm after an exit and says the status", () => {
    const ending = words(1000, { exit: { type: "exit", status: 0, signal: null } });
    expect(ending.tone).toBe("calm");
    expect(ending.sentence).toBe("You signed out of web-01 (exit status 0). 12 m, recorded.");
  });

  it("is amber after a signal", () => {
    const ending = words(1000, { exit: { type: "exit", status: null, signal: "KILL" } });
    expect(ending.tone).toBe("cut");
    expect(ending.sentence).toContain("KILL");
  });

  it("is red when it was not recorded", () => {
    expect(words(4500).tone).toBe("broken");
  });

  it("says why it was not recorded, and whether it had begun", () => {
    const reason = "Recording failed: the disk is full. Nothing was shown that is not recorded.";
    expect(words(4500, { reason })).toMatchObject({ title: "Not recorded, so ended", sentence: reason });
    expect(words(4500, { hasSession: false }).title).toBe("Not recorded, so not started");
  });

  it("says what the server said", () => {
    expect(words(4408, { reason: "Nothing was typed for 30 min." }).sentence).toBe("Nothing was typed for 30 min.");
  });

  it("speaks of a replay only where there is a recording", () => {
    expect(words(4502, { hasSession: false }).actions).not.toContain("open-replay");
    expect(words(4502, { hasSession: true }).actions).toContain("open-replay");
  });

  it("gives an unknown code the words of a lost connection, with the code", () => {
    const ending = words(4999);
    expect(ending.title).toBe("Connection lost");
    expect(ending.sentence).toContain("4999");
  });
});

describe("a lost connection", () => {
  it.each([1001, 1005, 1006, 1011, 1012, 1013, 1014])("is what %d means", (code) => {
    expect(isLostConnection(code)).toBe(true);
  });

  it.each([1000, 4401, 4404, 4408, 4410, 4411, 4412, 4413, 4500, 4502, 4503])("is not what %d means", (code) => {
    expect(isLostConnection(code)).toBe(false);
  });
});

describe("sentences of the server", () => {
  const shout = (message: string, values: Record<string, unknown> = {}) => t(message, values).toUpperCase();

  it("are translated with their values", () => {
    expect(translateServerWords("Sessions on this host last 8 min at most.", shout)).toBe(
      "SESSIONS ON THIS HOST LAST 8 MIN AT MOST.",
    );
    expect(translateServerWords("Ended by carol: “wrong {host}, call me”", shout)).toBe(
      "ENDED BY CAROL: “WRONG {HOST}, CALL ME”",
    );
  });

  it("are shown as they came when they are not known", () => {
    expect(translateServerWords("Something {odd} happened.", shout)).toBe("Something {odd} happened.");
  });
});
