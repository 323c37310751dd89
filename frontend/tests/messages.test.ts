import IntlMessageFormat from "intl-messageformat";
import { describe, expect, test } from "vitest";
import { findBareWords, findMessages } from "./messages.ts";
import { catalogues } from "./sources.ts";

const { messages, unreadable } = findMessages();
const files = catalogues();
const chinese: Record<string, string> = Object.assign({}, ...files.values());

/** `{name}`, `{count, plural, …}`: what a sentence is filled with. */
function placeholders(message: string): string[] {
  const names = new Set<string>();
  const collect = (parts: ReturnType<IntlMessageFormat["getAst"]>) => {
    for (const part of parts) {
      // 0 is text and 7 the number in a plural; everything else has a name.
      if (part.type !== 0 && part.type !== 7 && "value" in part) {
        names.add(part.value);
      }
      if ("options" in part && part.options) {
        for (const option of Object.values(part.options)) {
          collect(option.value);
        }
      }
    }
  };
  collect(new IntlMessageFormat(message, "en").getAst());
  return [...names].sort();
}

describe("every sentence is translated", () => {
  test("messages stand in the source as they are", () => {
    expect(unreadable).toEqual([]);
  });

  test("no words stand in the markup without a translator", () => {
    expect(findBareWords()).toEqual([]);
  });

  test("every message has a Chinese sentence", () => {
    const missing = messages.filter(({ text }) => !chinese[text]).map(({ text, place }) => `${place}: ${text}`);
    expect([...new Set(missing)]).toEqual([]);
  });

  test("no catalogue has a sentence that nobody says", () => {
    const said = new Set(messages.map(({ text }) => text));
    expect(Object.keys(chinese).filter((text) => !said.has(text))).toEqual([]);
  });

  test("a sentence is translated in the same way everywhere", () => {
    const differing = [...files].flatMap(([name, entries]) =>
      Object.entries(entries)
        .filter(([text, translation]) => chinese[text] !== translation)
        .map(([text]) => `${name}: ${text}`),
    );
    expect(differing).toEqual([]);
  });

  test("translations are filled with the same values", () => {
    const differing = Object.entries(chinese).filter(
      ([text, translation]) => placeholders(text).join() !== placeholders(translation).join(),
    );
    expect(differing).toEqual([]);
  });
});
