export function BrandMark({ size = 20 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path d="M4 4h5v4h4V4h6v4h4V4h5v9l-3 3v12H7V16l-3-3z" fill="var(--mantine-color-brand-filled)" />
      <path
        d="M11 17l4 3-4 3M17 24h5"
        fill="none"
        stroke="#fff"
        strokeWidth="2.2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
