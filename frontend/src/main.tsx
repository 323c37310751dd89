import "@mantine/core/styles.layer.css";
import "@mantine/dates/styles.layer.css";
import "@mantine/notifications/styles.layer.css";
import "@mantine/spotlight/styles.layer.css";
import "./styles.css";

import { createRoot } from "react-dom/client";
import { App } from "./App";
import { stampStyleElements, styleNonce } from "./csp";
import { loadLanguage } from "./i18n/text";
import { getPreferences } from "./preferences";

stampStyleElements(styleNonce);

const container = document.getElementById("root");
if (!container) {
  throw new Error("expected an element with the id root");
}
// The first paint waits for the catalogue: no page flashes in another language.
await loadLanguage(getPreferences().language).catch(() => undefined);
createRoot(container).render(<App />);
