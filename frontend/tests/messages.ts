import ts from "typescript";
import { place, sourceFiles, walk } from "./sources.ts";

/** Functions whose first argument is a message. */
const translators = new Set(["t", "text", "msg", "rich"]);

export interface Message {
  text: string;
  place: string;
}

/** All messages in the sources, and the calls whose message cannot be read from the source. */
export function findMessages(): { messages: Message[]; unreadable: string[] } {
  const messages: Message[] = [];
  const unreadable: string[] = [];
  for (const file of sourceFiles()) {
    walk(file, (node) => {
      const argument = firstArgument(node);
      if (!argument) {
        return;
      }
      const texts = literals(argument);
      if (texts === undefined) {
        unreadable.push(`${place(node)}: ${node.getText().slice(0, 80)}`);
        return;
      }
      messages.push(...texts.map((text) => ({ text, place: place(node) })));
    });
  }
  return { messages, unreadable };
}

function firstArgument(node: ts.Node): ts.Expression | undefined {
  if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression) || !translators.has(node.expression.text)) {
    return undefined;
  }
  return node.arguments[0];
}

/** The texts that an argument can be; none for one that comes from `msg` elsewhere, undefined for one that is put together. */
function literals(node: ts.Expression): string[] | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) {
    return [node.text];
  }
  if (ts.isConditionalExpression(node)) {
    const [whenTrue, whenFalse] = [literals(node.whenTrue), literals(node.whenFalse)];
    return whenTrue && whenFalse && [...whenTrue, ...whenFalse];
  }
  if (ts.isBinaryExpression(node)) {
    return node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken ? [] : undefined;
  }
  return ts.isTemplateExpression(node) ? undefined : [];
}

const shownAttributes = new Set(["label", "title", "placeholder", "aria-label", "description", "alt", "hint", "word"]);

/** Words in the markup that no translator sees: bare text, and attributes that people read. */
export function findBareWords(): string[] {
  const bare: string[] = [];
  for (const file of sourceFiles()) {
    walk(file, (node) => {
      if (ts.isJsxText(node) && isSentence(node.text) && !isCode(node.parent)) {
        bare.push(`${place(node)}: ${node.text.trim().slice(0, 60)}`);
      }
      if (ts.isJsxAttribute(node) && shownAttributes.has(node.name.getText()) && isWord(node.initializer)) {
        bare.push(`${place(node)}: ${node.getText().slice(0, 60)}`);
      }
    });
  }
  return bare;
}

/** Names and keys are the same in every language; so are signs and single letters. */
const sameEverywhere = new Set(["Bastion", "UTC", "Ctrl", "Alt", "Shift", "Esc", "Enter", "Tab", "ms"]);

function isSentence(text: string): boolean {
  const words = text.split(/[^\p{L}]+/u);
  return words.some((word) => word.length > 1 && !sameEverywhere.has(word));
}

function isWord(initializer: ts.JsxAttributeValue | undefined): boolean {
  return initializer !== undefined && ts.isStringLiteral(initializer) && isSentence(initializer.text);
}

/** What a machine says or takes is not translated. */
function isCode(node: ts.Node): boolean {
  for (let at: ts.Node | undefined = node; at; at = at.parent) {
    const name = ts.isJsxElement(at) ? at.openingElement.tagName.getText() : "";
    const isPre = ts.isJsxElement(at) && /component="pre"/.test(at.openingElement.getText());
    if (["Code", "code", "Kbd", "pre"].includes(name) || isPre) {
      return true;
    }
  }
  return false;
}
