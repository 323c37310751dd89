import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const backend = process.env.BASTION_URL ?? "http://127.0.0.1:8000";
const proxied = ["/api", "/_allauth", "/django-admin", "/static/admin", "/static/drf_spectacular_sidecar"];

export default defineConfig(({ command }) => ({
  base: command === "build" ? "/static/app/" : "/",
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  // Django's template names the files, so it needs the manifest and an entry that is a script.
  build: {
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
    rollupOptions: { input: "src/main.tsx" },
    chunkSizeWarningLimit: 1100,
  },
  server: {
    proxy: {
      ...Object.fromEntries(proxied.map((path) => [path, { target: backend }])),
      "/ws": { target: backend, ws: true },
    },
  },
}));
