import { thumbnail } from "@/lib/addresses";
import { cn } from "@/lib/cn";

/** A small picture of an image. It is decoded off the main thread, and only where it is about to be seen. */
export function Thumb({ image, size, alt, className }: { image: { id: number; width: number; height: number }; size: 128 | 256 | 512; alt: string; className?: string }) {
  return (
    <img
      src={thumbnail(image.id, size)} alt={alt} width={image.width} height={image.height} loading="lazy" decoding="async" draggable={false}
      className={cn("bg-sunk", className)}
    />
  );
}
