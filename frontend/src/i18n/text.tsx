import IntlMessageFormat, { type FormatXMLElementFn, type PrimitiveType } from "intl-messageformat";
import { isValidElement, type ReactNode, useSyncExternalStore } from "react";
import { getPreferences, type Language, subscribeToPreferences } from "@/preferences";

/**
 * Messages are whole English sentences in ICU syntax, and are their own keys: the English catalogue is the code, the
 * Chinese one is the `zh-Hans.json` of each folder. tests/messages.test.ts fails when a sentence has no translation.
 */
export type Values = Record<string, PrimitiveType>;
type RichValues = Record<string, PrimitiveType | ReactNode | FormatXMLElementFn<ReactNode>>;

type Catalogue = Record<string, string>;

export const languageNames: Record<Language, string> = { en: "English", "zh-Hans": "简体中文" };
/** British English for its date order: 21 Nov 14:02. */
export const locales: Record<Language, string> = { en: "en-GB", "zh-Hans": "zh-Hans" };

const catalogues: Record<Language, Catalogue> = { en: {}, "zh-Hans": {} };
const compiled = new Map<string, IntlMessageFormat>();

/** Fetch the catalogue of a language; its texts appear once this has resolved. */
export async function loadLanguage(language: Language): Promise<void> {
  if (language === "zh-Hans") {
    catalogues["zh-Hans"] = (await import("./zh-Hans")).catalogue;
    compiled.clear();
  }
}

function compile(message: string, language: Language): IntlMessageFormat {
  const key = `${language} ${message}`;
  const known = compiled.get(key);
  if (known) {
    return known;
  }
  const made = new IntlMessageFormat(catalogues[language][message] ?? message, locales[language]);
  compiled.set(key, made);
  return made;
}

export type Translate = (message: string, values?: Values) => string;

function translatorFor(language: Language): Translate {
  return (message, values) => compile(message, language).format(values) as string;
}

const translators: Record<Language, Translate> = { en: translatorFor("en"), "zh-Hans": translatorFor("zh-Hans") };

/** Mark a sentence for translation where it stands, to be given to `t` later. */
export function msg(message: string): string {
  return message;
}

/** Translate outside of components, in the language of the moment. */
export function text(message: string, values?: Values): string {
  return translators[getPreferences().language](message, values);
}

export function useLanguage(): Language {
  return useSyncExternalStore(subscribeToPreferences, () => getPreferences().language);
}

/** `const t = useText()`; `t` is another function after the language has changed, so it is safe in dependency lists. */
export function useText(): Translate {
  return translators[useLanguage()];
}

/** A sentence with elements in it: `useRichText()("Ended by {name}", { name: <b>Carol</b> })`. */
export function useRichText(): (message: string, values: RichValues) => ReactNode {
  const language = useLanguage();
  return (message, values) => {
    const parts = compile(message, language).format<ReactNode>(values as Record<string, PrimitiveType>);
    return Array.isArray(parts) ? parts.map(withKey) : (parts as ReactNode);
  };
}

function withKey(part: ReactNode, index: number): ReactNode {
  // The parts of one sentence never change places.
  return isValidElement(part) ? <Part key={`part-${index}`}>{part}</Part> : part;
}

function Part({ children }: { children: ReactNode }): ReactNode {
  return children;
}
