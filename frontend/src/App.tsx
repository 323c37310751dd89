import { createTheme, localStorageColorSchemeManager, MantineProvider, mergeThemeOverrides } from "@mantine/core";
import { DatesProvider } from "@mantine/dates";
import { ModalsProvider } from "@mantine/modals";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import "dayjs/locale/zh-cn";
import { useEffect, useMemo } from "react";
import { Problem } from "./api/problem";
import { styleNonce } from "./csp";
import { useLanguage, useText } from "./i18n/text";
import { makeRouter } from "./router";
import { resolveCssVariables, theme } from "./theme";

const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal stays a refusal; only what may pass by itself is tried again.
      retry: (count, error) => count < 2 && !(error instanceof Problem && error.status >= 400 && error.status < 500),
    },
  },
});
const router = makeRouter(queryClient);
const colorSchemes = localStorageColorSchemeManager({ key: "bastion-color-scheme" });

/** Mantine's own close buttons have no name that a screen reader could say. */
function closeButtons(name: string) {
  const closeButtonProps = { "aria-label": name };
  return createTheme({
    components: {
      Modal: { defaultProps: { closeButtonProps } },
      Drawer: { defaultProps: { closeButtonProps } },
      Notification: { defaultProps: { closeButtonProps } },
    },
  });
}

export function App() {
  const t = useText();
  const language = useLanguage();
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const spokenTheme = useMemo(() => mergeThemeOverrides(theme, closeButtons(t("Close"))), [t]);
  return (
    <MantineProvider
      theme={spokenTheme}
      cssVariablesResolver={resolveCssVariables}
      defaultColorScheme="auto"
      colorSchemeManager={colorSchemes}
      getStyleNonce={() => styleNonce}
    >
      <DatesProvider settings={{ locale: language === "en" ? "en" : "zh-cn", firstDayOfWeek: 1 }}>
        <QueryClientProvider client={queryClient}>
          <ModalsProvider labels={{ confirm: t("Confirm"), cancel: t("Cancel") }}>
            <Notifications position="top-right" limit={3} />
            <RouterProvider router={router} />
          </ModalsProvider>
        </QueryClientProvider>
      </DatesProvider>
    </MantineProvider>
  );
}
