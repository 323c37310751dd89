import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { meQuery } from "./api/me";
import { Problem } from "./api/problem";
import type { Me } from "./api/types";
import { CrashPage, NotFoundPage } from "./shell/ErrorPages";
import { Shell } from "./shell/Shell";
import { SignInPage } from "./signin/SignInPage";

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Outlet,
  notFoundComponent: NotFoundPage,
  errorComponent: CrashPage,
});

const signIn = createRoute({ getParentRoute: () => root, path: "/signin", component: SignInPage });

async function requireSignIn(queryClient: QueryClient, next: string): Promise<Me> {
  const me = await queryClient.ensureQueryData(meQuery).catch((error: unknown) => {
    if (error instanceof Problem && (error.status === 401 || error.status === 403)) {
      return undefined;
    }
    throw error;
  });
  if (!me?.notice_accepted) {
    throw redirect({ to: "/signin", search: next === "/" ? {} : { next } });
  }
  return me;
}

const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  component: Shell,
  beforeLoad: ({ context, location }) => requireSignIn(context.queryClient, location.href),
});

const start = createRoute({
  getParentRoute: () => shell,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/hosts", replace: true });
  },
});

function page(path: string, importer: () => Promise<{ default: React.ComponentType }>) {
  return createRoute({ getParentRoute: () => shell, path, component: lazyRouteComponent(importer) });
}

const pages = [
  page("/hosts", () => import("./hosts/HostsPage")),
  page("/terminals", () => import("./terminal/TerminalsPage")),
  page("/sessions", () => import("./sessions/SessionsPage")),
  page("/sessions/$id", () => import("./replay/ReplayPage")),
  page("/search", () => import("./search/SearchPage")),
  page("/audit", () => import("./audit/AuditPage")),
  page("/admin", () => import("./admin/AdminPage")),
  page("/admin/$section", () => import("./admin/AdminPage")),
  page("/settings", () => import("./settings/SettingsPage")),
  createRoute({ getParentRoute: () => shell, path: "$", component: NotFoundPage }),
  page("/settings/$section", () => import("./settings/SettingsPage")),
];

export function makeRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree: root.addChildren([signIn, shell.addChildren([start, ...pages])]),
    context: { queryClient },
    defaultPreload: "intent",
    scrollRestoration: true,
    // Plain strings: what a person types into the address is what a page gets.
    parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
    stringifySearch: (search) => {
      const text = new URLSearchParams(search as Record<string, string>).toString();
      return text && `?${text}`;
    },
  });
}
