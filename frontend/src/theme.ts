import {
  type CSSVariablesResolver,
  createTheme,
  type MantineColorsTuple,
  mergeThemeOverrides,
  rem,
} from "@mantine/core";

const brand: MantineColorsTuple = [
  "#edf3ff",
  "#dbe6fd",
  "#b5ccf9",
  "#8cb0f5",
  "#6c99f2",
  "#4f86ee",
  "#3d76e3",
  "#2a62cf",
  "#2355b5",
  "#1b458f",
];
const gray: MantineColorsTuple = [
  "#f6f7f9",
  "#eef0f3",
  "#e3e6eb",
  "#d3d8df",
  "#b6bdc8",
  "#8d96a4",
  "#667080",
  "#4b5563",
  "#353d49",
  "#1f252e",
];
const red: MantineColorsTuple = [
  "#fdeceb",
  "#fad5d2",
  "#f4aaa4",
  "#ff8f85",
  "#e8695f",
  "#d94a40",
  "#c93a31",
  "#b3261e",
  "#9a1f18",
  "#7d1812",
];
const green: MantineColorsTuple = [
  "#e6f6ec",
  "#cdeeda",
  "#a3dfb9",
  "#5fd38a",
  "#3fb86d",
  "#2b9a55",
  "#1f8246",
  "#17703a",
  "#125c2f",
  "#0e4a26",
];
const yellow: MantineColorsTuple = [
  "#fff3dc",
  "#ffe8bd",
  "#ffd88a",
  "#f5b84b",
  "#d99a20",
  "#b87a06",
  "#a06600",
  "#8a5000",
  "#744300",
  "#5c3500",
];
const dark: MantineColorsTuple = [
  "#dce1e8",
  "#bcc4cf",
  "#a3adba",
  "#929cab",
  "#465060",
  "#343c48",
  "#272d37",
  "#1a1e25",
  "#14171d",
  "#0e1014",
];

const foundation = createTheme({
  primaryColor: "brand",
  primaryShade: { light: 7, dark: 7 },
  autoContrast: true,
  respectReducedMotion: true,
  focusRing: "auto",
  cursorType: "pointer",
  defaultRadius: "sm",
  black: "#1f252e",
  fontFamily: 'system-ui,-apple-system,"Segoe UI",Roboto,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif',
  fontFamilyMonospace:
    'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Noto Sans Mono CJK SC",monospace',
  fontSizes: { xs: rem(12), sm: rem(13), md: rem(14), lg: rem(16), xl: rem(20) },
  spacing: { xs: rem(4), sm: rem(8), md: rem(12), lg: rem(16), xl: rem(24) },
  radius: { xs: rem(2), sm: rem(4), md: rem(6), lg: rem(8), xl: rem(12) },
  headings: {
    fontWeight: "600",
    sizes: {
      h1: { fontSize: rem(20), lineHeight: "1.3" },
      h2: { fontSize: rem(16), lineHeight: "1.35" },
      h3: { fontSize: rem(14), lineHeight: "1.4" },
    },
  },
  colors: { brand, gray, red, green, yellow, dark },
});

/** The list itself scrolls, which needs no focus; Mantine's scroll area around it would. */
const scrollingOptions = {
  defaultProps: { withScrollArea: false },
  styles: { options: { maxHeight: rem(260), overflowY: "auto" } },
} as const;

const components = createTheme({
  components: {
    Badge: { defaultProps: { tt: "none", fw: 500, variant: "light", radius: "sm" } },
    Table: { defaultProps: { verticalSpacing: 6, horizontalSpacing: "sm", fz: "sm" } },
    Button: { defaultProps: { size: "sm" } },
    Tooltip: {
      defaultProps: { openDelay: 300, withArrow: true, events: { hover: true, focus: true, touch: false } },
    },
    Notification: { defaultProps: { withBorder: true } },
    Anchor: { defaultProps: { underline: "hover" } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray" } },
    Drawer: {
      defaultProps: { position: "right", overlayProps: { backgroundOpacity: 0.35 } },
      styles: { title: { fontWeight: 600, fontSize: rem(16) } },
    },
    // The placeholder is a focusable element without a role that a menu may hold.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    Autocomplete: scrollingOptions,
    MultiSelect: scrollingOptions,
    Select: scrollingOptions,
    TagsInput: scrollingOptions,
    Modal: { styles: { title: { fontWeight: 600, fontSize: rem(16) } } },
  },
});

export const theme = mergeThemeOverrides(foundation, components);

/** The pairs whose contrast was computed; every ratio is at least 4.5 for text and 3 for borders. */
export const resolveCssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-text": "#1f252e",
    "--mantine-color-dimmed": "#566070",
    "--mantine-color-placeholder": "#667080",
    "--mantine-color-anchor": "#2a62cf",
    "--mantine-color-error": "#b3261e",
    "--mantine-color-success": "#17703a",
    "--bastion-control-border": "#7f8896",
    "--bastion-rule": "#e3e6eb",
    "--bastion-surface": "#f6f7f9",
    "--bastion-surface-strong": "#eef0f3",
    "--bastion-focus": "#2a62cf",
    "--bastion-mark-text": "#1f252e",
    "--bastion-mark": "#ffe58a",
    "--mantine-color-gray-light-color": "#353d49",
    "--mantine-color-gray-text": "#4b5563",
  },
  dark: {
    "--mantine-color-text": "#dce1e8",
    "--mantine-color-dimmed": "#a3adba",
    "--mantine-color-placeholder": "#929cab",
    "--mantine-color-anchor": "#8cb0f5",
    "--mantine-color-error": "#ff8f85",
    "--mantine-color-success": "#5fd38a",
    "--bastion-control-border": "#737e8e",
    "--bastion-rule": "#343c48",
    "--bastion-surface": "#14171d",
    "--bastion-surface-strong": "#272d37",
    "--bastion-focus": "#8cb0f5",
    "--bastion-mark-text": "#1a1e25",
    "--bastion-mark": "#f2c94c",
    "--mantine-color-gray-light-color": "#dce1e8",
    "--mantine-color-gray-text": "#bcc4cf",
  },
});
