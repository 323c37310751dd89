/**
 * The nonce that the page was served with. Only `<style>` elements that carry it are applied.
 *
 * Browsers hide the attribute's value from scripts of other origins, so it is read as a property.
 */
export const styleNonce: string = document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")?.nonce ?? "";

/** xterm.js makes `<style>` elements without a nonce, which the policy would refuse: stamp each one as it is made. */
export function stampStyleElements(nonce: string): void {
  if (nonce === "") {
    return;
  }
  const create = document.createElement.bind(document);
  document.createElement = ((name: string, options?: ElementCreationOptions) => {
    const element = create(name, options);
    if (element instanceof HTMLStyleElement) {
      element.nonce = nonce;
    }
    return element;
  }) as typeof document.createElement;
}
