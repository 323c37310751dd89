import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const backend = process.env.BASTION_URL ?? "http://127.0.0.1:8000";
const proxied = ["/api", "/_allauth", "/django-admin", "/static/admin", "/static/drf_spectacular_sidecar"];

/** The player as files of its own, which the server puts into pages that play without a network. */
function offlinePlayer(): Plugin {
  return {
    name: "offline-player",
    apply: "build",
    generateBundle() {
      for (const name of ["asciinema-player.min.js", "asciinema-player.css"]) {
        const source = readFileSync(new URL(`./node_modules/asciinema-player/dist/bundle/${name}`, import.meta.url));
        this.emitFile({ type: "asset", fileName: `offline/${name}`, source });
      }
    },
  };
}

export default defineConfig(({ command }) => ({
  base: command === "build" ? "/static/app/" : "/",
  plugins: [react(), offlinePlayer()],
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
