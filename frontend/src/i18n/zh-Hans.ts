/** One chunk with all Chinese sentences, gathered from the folders that use them. */
const files = import.meta.glob<Record<string, string>>("../*/zh-Hans.json", { eager: true, import: "default" });

export const catalogue: Record<string, string> = Object.assign({}, ...Object.values(files));
